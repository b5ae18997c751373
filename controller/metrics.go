// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"net/http"
	"runtime"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"switchyard/api"
)

// metrics are what /metrics shows. Labels hold what the controller chose only: a route's pattern and not
// its path, so that nobody can make series without end.
type metrics struct {
	handler   http.Handler
	handshake prometheus.Histogram
	refusals  *prometheus.CounterVec
	requests  *prometheus.CounterVec
}

func newMetrics(g *registry, version string) *metrics {
	m := &metrics{
		handshake: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "switchyard_handshake_seconds", Help: "Time from a session's request until its 101.",
			Buckets: []float64{.002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 15},
		}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "switchyard_sessions_refused_total", Help: "Sessions refused, by the code of the problem.",
		}, []string{"code"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "switchyard_api_requests_total", Help: "API requests, by route, method and status.",
		}, []string{"route", "method", "status"}),
	}
	r := prometheus.NewRegistry()
	r.MustRegister(m.handshake, m.refusals, m.requests, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.MustRegister(sessionMetrics(g)...)
	r.MustRegister(buildInfo(version))
	m.handler = promhttp.HandlerFor(r, promhttp.HandlerOpts{})
	return m
}

func sessionMetrics(g *registry) []prometheus.Collector {
	bytes := func(direction string, count func(totals) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "switchyard_session_bytes_total", Help: "Bytes moved by sessions: in from clients, out to them.",
			ConstLabels: prometheus.Labels{"direction": direction},
		}, func() float64 { return float64(count(g.totals())) })
	}
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "switchyard_sessions_live", Help: "Sessions that are open.",
		}, func() float64 { return float64(g.totals().live) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "switchyard_sessions_total", Help: "Sessions that were opened.",
		}, func() float64 { return float64(g.totals().opened) }),
		bytes("in", func(t totals) int64 { return t.in }),
		bytes("out", func(t totals) int64 { return t.out }),
	}
}

func buildInfo(version string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchyard_build_info", Help: "Always 1; the labels say what is running.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()},
	}, func() float64 { return 1 })
}

func (m *metrics) refused(code api.Code) { m.refusals.WithLabelValues(string(code)).Inc() }

// request counts a request under its route; what matched none is counted as one.
func (m *metrics) request(x *call, pattern string) {
	method := "other"
	if x.route != nil {
		method = x.route.method
	}
	m.requests.WithLabelValues(pattern, method, strconv.Itoa(x.w.status)).Inc()
}

// scrape shows the metrics: to whoever may use a unix socket of ours, and over the network to admins,
// because they tell who works here and when.
func (c *Controller) scrape(x *call) error {
	if !x.overUnix() {
		if err := c.authenticate(x); err != nil {
			return err
		}
		if !x.caller.user.Admin {
			return forbidden("only an admin may read the metrics over the network")
		}
	}
	c.metrics.handler.ServeHTTP(x.w, x.r)
	return nil
}
