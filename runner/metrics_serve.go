// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapeTime bounds each half of a request for metrics.
const scrapeTime = 10 * time.Second

// unixPrefix begins the form of an address that is a unix socket's.
const unixPrefix = "unix://"

// CheckMetricsAddress refuses what metrics can never be served at. It opens nothing.
func CheckMetricsAddress(address string) error {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("serving metrics at %q: the path must begin with /, as in unix:///run/switchyard-metrics.sock", address)
		}
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || port == "" {
		return fmt.Errorf("serving metrics at %q: give \"host:port\" or \"unix:///path\"", address)
	}
	return nil
}

// serveMetrics serves the runner's metrics and health, each at its own path and apart from the port that the controller
// uses, until stop, which waits.
func (r *Runner) serveMetrics() (stop func(), err error) {
	if r.cfg.MetricsAddress == "" {
		return func() {}, nil
	}
	l, err := listenMetrics(r.cfg.MetricsAddress)
	if err != nil {
		return nil, err
	}
	metrics := r.cfg.Metrics
	if err := metrics.registry.Register(collector{r}); err != nil {
		l.Close()
		return nil, fmt.Errorf("serving metrics: %v", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", r.health)
	server := &http.Server{Handler: mux, ReadTimeout: scrapeTime, WriteTimeout: scrapeTime, MaxHeaderBytes: maxHead}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(l) }()
	r.cfg.Log.Infof("runner: metrics are at %s", describe(l))
	return func() { server.Close(); <-ended; metrics.registry.Unregister(collector{r}) }, nil
}

func describe(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return unixPrefix + l.Addr().String()
	}
	return "http://" + l.Addr().String() + "/metrics"
}

// health says whether the runner serves sessions: from its registration until it begins to end.
func (r *Runner) health(w http.ResponseWriter, _ *http.Request) {
	if !r.serving.Load() {
		http.Error(w, "the runner serves no sessions: it has not registered with the controller, or is ending", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

func listenMetrics(address string) (net.Listener, error) {
	if err := CheckMetricsAddress(address); err != nil {
		return nil, err
	}
	path, unix := strings.CutPrefix(address, unixPrefix)
	if !unix {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, fmt.Errorf("serving metrics at %q: %w", address, err)
		}
		return l, nil
	}
	l, err := listenUnix(path)
	if err != nil {
		return nil, fmt.Errorf("serving metrics at %q: %w", address, err)
	}
	return l, nil
}

// listenUnix makes a socket for this user alone, in the place of one that a runner left when it was killed. Until its
// mode is set the umask decides on it; what is told there is no secret.
func listenUnix(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && isStale(path) {
		os.Remove(path)
		l, err = net.Listen("unix", path)
	}
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// isStale tells whether there is a socket that nobody listens on.
func isStale(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return false
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
