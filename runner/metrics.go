// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"switchyard/runner/sessions"
)

// Metrics are what a runner tells Prometheus. No label has a value that a user or a container chose. Its methods may be
// called concurrently.
type Metrics struct {
	registry *prometheus.Registry
	starts   *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewMetrics makes metrics for one runner.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		starts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "switchyard_runner_starts_total", Help: "Starts of processes for sessions, by way (docker, runc, host) and outcome (ok, failed).",
		}, []string{"way", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "switchyard_runner_start_seconds", Help: "Time to start a session's process, of starts that succeeded.",
			Buckets: []float64{.005, .01, .02, .03, .05, .075, .1, .2, .5, 1, 2, 5, 15},
		}, []string{"way"}),
	}
	m.registry.MustRegister(m.starts, m.duration, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Started counts the start of a process.
func (m *Metrics) Started(s sessions.Start) {
	if s.Failed {
		m.starts.WithLabelValues(s.Way, "failed").Inc()
		return
	}
	m.starts.WithLabelValues(s.Way, "ok").Inc()
	m.duration.WithLabelValues(s.Way).Observe(s.Duration.Seconds())
}

// figure is a metric whose value is asked for at each scrape.
type figure struct {
	kind  prometheus.ValueType
	desc  *prometheus.Desc
	value func(Stats, sessions.Counts) int64
	// cgroups says that it is known only where sessions have cgroups.
	cgroups bool
}

func newFigure(kind prometheus.ValueType, name, help string, value func(Stats, sessions.Counts) int64) figure {
	return figure{kind: kind, desc: prometheus.NewDesc("switchyard_runner_"+name, help, nil, nil), value: value}
}

// figures are those of connections, and those of processes.
func figures() (all, processes []figure) {
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	all = []figure{
		newFigure(gauge, "connections", "SSH connections that are served.", func(s Stats, _ sessions.Counts) int64 { return s.Live }),
		newFigure(counter, "connections_accepted_total", "SSH connections that were ever served.", func(s Stats, _ sessions.Counts) int64 { return s.Accepted }),
		newFigure(counter, "connections_refused_total", "Connections that did not show the proof.", func(s Stats, _ sessions.Counts) int64 { return s.Refused }),
		newFigure(counter, "connections_evicted_total", "Connections closed for newer ones before they showed anything.", func(s Stats, _ sessions.Counts) int64 { return s.Evicted }),
	}
	processes = []figure{
		newFigure(gauge, "sessions", "Sessions, each with a process that was started and not ended.", func(_ Stats, c sessions.Counts) int64 { return int64(c.Sessions) }),
		newFigure(gauge, "session_processes", "Processes in those sessions.", func(_ Stats, c sessions.Counts) int64 { return int64(c.Processes) }),
		newFigure(gauge, "leftover_processes", "Processes that should have ended with their session and could not be ended.", func(_ Stats, c sessions.Counts) int64 { return int64(c.Leftover) }),
		newFigure(gauge, "detached_processes", "Processes that stayed on purpose when their session ended. Absent where sessions have no cgroups.", func(_ Stats, c sessions.Counts) int64 { return int64(c.Detached) }),
	}
	processes[3].cgroups = true
	return all, processes
}

// collector asks a runner for its figures, once for each scrape.
type collector struct{ r *Runner }

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	all, processes := figures()
	for _, f := range append(all, processes...) {
		ch <- f.desc
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	stats, counts := c.r.Stats(), sessions.Counts{}
	all, processes := figures()
	if c.r.cfg.Sessions != nil {
		counts = c.r.cfg.Sessions()
		all = append(all, processes...)
	}
	for _, f := range all {
		if counts.Cgroups || !f.cgroups {
			ch <- prometheus.MustNewConstMetric(f.desc, f.kind, float64(f.value(stats, counts)))
		}
	}
}
