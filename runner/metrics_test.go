// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/api"
	"switchyard/runner/host"
	"switchyard/runner/sessions"
)

// measured starts a runner with metrics at a socket, and returns that.
func measured(t *testing.T, change func(*Config)) (w *world, socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "m.sock")
	return start(t, func(c *Config) {
		c.Metrics, c.MetricsAddress = NewMetrics(), "unix://"+socket
		target := host.New(host.Config{Grace: limit, Log: c.Log, Observe: c.Metrics.Started})
		c.Target, c.Sessions = anyAccount{target}, target.Sessions
		if change != nil {
			change(c)
		}
	}), socket
}

// get asks what a path answers at a socket.
func get(t *testing.T, socket, path string) (int, string) {
	t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get("http://runner" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// says waits until the metrics have these lines.
func says(t *testing.T, socket string, lines ...string) {
	t.Helper()
	body := ""
	defer func() {
		if t.Failed() {
			t.Log(body)
		}
	}()
	for _, line := range lines {
		eventually(t, line, func() bool {
			_, body = get(t, socket, "/metrics")
			return strings.Contains(body, "\nswitchyard_runner_"+line+"\n")
		})
	}
}

func TestMetricsTellWhatThereIs(t *testing.T) {
	w, socket := measured(t, nil)
	says(t, socket, "connections 0", "sessions 0", "session_processes 0", "leftover_processes 0", "connections_evicted_total 0")
	client := w.ssh()
	s := w.run(client, "echo here; exec sleep 1000")
	s.says(t, "here\n")
	says(t, socket, "connections 1", "connections_accepted_total 1", "sessions 1", "session_processes 1",
		`starts_total{outcome="ok",way="host"} 1`, `start_seconds_count{way="host"} 1`)
	w.dial().Close()
	client.Close()
	says(t, socket, "connections 0", "connections_refused_total 1", "sessions 0", "session_processes 0")
	if _, body := get(t, socket, "/metrics"); strings.Contains(body, "detached_processes") || !strings.Contains(body, "process_open_fds") {
		t.Error("detached processes, which nobody knows of without cgroups, are told of; or the process's own figures are not")
	}
}

func TestAFailedStartIsCounted(t *testing.T) {
	m := NewMetrics()
	m.Started(sessions.Start{Way: "runc", Failed: true})
	all, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, family := range all {
		if strings.HasPrefix(family.GetName(), "switchyard_") {
			got += fmt.Sprintln(family.GetName(), family.GetMetric())
		}
	}
	if !strings.Contains(got, `value:"failed"`) || strings.Contains(got, "start_seconds") {
		t.Errorf("gathered: %s", got)
	}
}

// held is a controller that takes no report before it is released.
type held struct {
	Controller
	release <-chan struct{}
}

func (h held) Report(ctx context.Context, r api.ReportRunner) (api.RunnerReported, error) {
	select {
	case <-h.release:
		return h.Controller.Report(ctx, r)
	case <-ctx.Done():
		return api.RunnerReported{}, context.Cause(ctx)
	}
}

func TestHealthIsToldFromRegistrationToTheEnd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "m.sock")
	release := make(chan struct{})
	w := launch(t, func(c *Config) {
		c.MetricsAddress = "unix://" + socket
		c.Controller = held{c.Controller, release}
	})
	eventually(t, "the socket is there", func() bool { _, err := os.Stat(socket); return err == nil })
	eventually(t, "its mode is 0600", func() bool { i, err := os.Stat(socket); return err == nil && i.Mode().Perm() == 0o600 })
	if code, body := get(t, socket, "/healthz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "not registered") {
		t.Errorf("before: %d %q", code, body)
	}
	close(release)
	eventually(t, "it serves", func() bool { code, body := get(t, socket, "/healthz"); return code == 200 && body == "ok\n" })
	if code, _ := get(t, socket, "/"); code != http.StatusNotFound {
		t.Errorf("another path: %d", code)
	}
	w.stop()
	if err := w.outcome(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestASocketThatAKilledRunnerLeftIsReplaced(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "m.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	busy := launch(t, func(c *Config) { c.MetricsAddress = "unix://" + socket })
	if err := busy.outcome(); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("where another serves: %v", err)
	}
	l.Close()
	start(t, func(c *Config) { c.MetricsAddress = "unix://" + socket })
	if code, _ := get(t, socket, "/metrics"); code != 200 {
		t.Errorf("status %d", code)
	}
}

func TestWhatIsNoSocketIsNotReplaced(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := launch(t, func(c *Config) { c.MetricsAddress = "unix://" + file }).outcome(); err == nil {
		t.Error("it was")
	}
	if text, err := os.ReadFile(file); string(text) != "x" || err != nil {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

func TestAddressesOfMetricsAreChecked(t *testing.T) {
	for address, good := range map[string]bool{
		"127.0.0.1:9100": true, ":9100": true, "[::1]:0": true, "unix:///run/x": true,
		"": false, "9100": false, "localhost": false, "127.0.0.1:": false, "127.0.0.1:x": false, "unix://x": false, "unix://": false,
	} {
		if err := CheckMetricsAddress(address); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
}
