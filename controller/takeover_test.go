// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/controller"
	"switchyard/proof"
	"switchyard/test/ports"
)

// reportFrom reports a runner at this address, on a node of its own.
func (w *world) reportFrom(c api.CreatedContainer, address string) answer {
	w.t.Helper()
	return w.signed(c, "POST", api.PathContainerRunner(c.ID), api.ReportRunner{
		Address: address, HostKey: testHostKey, Node: "node-2", DockerID: c.DockerID, Exec: "docker",
	})
}

func (w *world) runnerAddress(c api.CreatedContainer) string {
	w.t.Helper()
	return must[api.Container](w, 200, "GET", api.PathContainer(api.Ref(c.ID)), w.admin, nil).RunnerAddress
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", ports.Refusing(t))
}

func TestSecondRunnerIsRefusedWhileTheFirstOneServes(t *testing.T) {
	w := newWorld(t, nil)
	c, first := w.running("default", "web", nil)
	second := newRunner(t, c, nil)
	a := w.reportFrom(c, second.addr)
	p := a.problem(t)
	if want := `container "web.default" is served by a runner on node "node-1": stop that one first`; a.status != 409 || p.Code != api.CodeConflict || p.Detail != want {
		t.Errorf("the second report: %d %s", a.status, a.body)
	}
	if got := w.runnerAddress(c); got != first.addr {
		t.Errorf("the record leads to %s, need the first runner's %s", got, first.addr)
	}
	first.mu.Lock()
	if len(first.grants) != 1 || len(first.grants[0].Features) != 0 || first.grants[0].ContainerID != c.ID {
		t.Errorf("the first runner was asked with %+v, need one grant that allows nothing", first.grants)
	}
	first.mu.Unlock()
	eventually(t, "the connection to the first runner is closed", func() bool { open, _ := first.connections(); return open == 0 })
	if _, dialled := second.connections(); dialled != 0 {
		t.Error("the second runner was dialled")
	}
	conn, _ := w.enter(w.admin, "web")
	conn.Close()
}

func TestRunnerTakesOverWhereNoneProvesItselfAnyMore(t *testing.T) {
	for name, behave := range map[string]func(*visit){
		"another container's, at a reused address": func(v *visit) {
			other := proof.NewSystemToken().ContainerKey("another")
			v.answer101(other.AddressKey(v.runner.addr).Response(v.exporter).String())
		},
		"one that proves nothing": func(v *visit) { v.answer101() },
		"one that refuses":        func(v *visit) { io.WriteString(v.conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") },
		"one that hangs":          func(v *visit) { io.Copy(io.Discard, v.br) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(cfg *controller.Config) { cfg.HandshakeTimeout = 400 * time.Millisecond })
			c, _ := w.running("default", "web", behave)
			second := newRunner(t, c, nil)
			if a := w.reportFrom(c, second.addr); a.status != 200 {
				t.Errorf("the second report: %d %s", a.status, a.body)
			}
			if got := w.runnerAddress(c); got != second.addr {
				t.Errorf("the record leads to %s, need the second runner's %s", got, second.addr)
			}
		})
	}
}

func TestRestartedRunnerIsTakenAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	c, first := w.running("default", "web", nil)
	first.l.Close()
	second := newRunner(t, c, nil)
	if a := w.reportFrom(c, second.addr); a.status != 200 {
		t.Fatalf("the second report: %d %s", a.status, a.body)
	}
	conn, _ := w.enter(w.admin, "web")
	conn.Close()
}

func TestReportFromTheRecordedAddressDialsNobody(t *testing.T) {
	w := newWorld(t, nil)
	c, first := w.running("default", "web", nil)
	w.report(c, first.addr)
	if a := w.reportFrom(c, first.addr); a.status != 200 { // of another node, restarted on the same port
		t.Errorf("the second report: %d %s", a.status, a.body)
	}
	if _, dialled := first.connections(); dialled != 0 {
		t.Errorf("the runner was dialled %d times", dialled)
	}
}

// meeting refuses connections to one address, and not before two have come to it.
type meeting struct {
	address string
	both    sync.WaitGroup
	controller.TCPDialer
}

func (m *meeting) DialRunner(ctx context.Context, c api.Container) (net.Conn, error) {
	if c.RunnerAddress != m.address {
		return m.TCPDialer.DialRunner(ctx, c)
	}
	m.both.Done()
	m.both.Wait()
	return nil, syscall.ECONNREFUSED
}

func TestOfTwoRunnersThatReportAtOnceOneIsTaken(t *testing.T) {
	m := &meeting{address: closedPort(t)}
	m.both.Add(2)
	w := newWorld(t, func(cfg *controller.Config) { cfg.Dialer = m })
	c := w.register("default", "web")
	w.report(c, m.address)
	var statuses [2]int
	var asking sync.WaitGroup
	for i := range statuses {
		runner := newRunner(t, c, nil)
		asking.Go(func() { statuses[i] = w.reportFrom(c, runner.addr).status })
	}
	asking.Wait()
	if statuses != [2]int{200, 409} && statuses != [2]int{409, 200} {
		t.Errorf("the reports were answered %v, need 200 and 409", statuses)
	}
}

func TestReportThatNobodyWaitsForTakesNothingOver(t *testing.T) {
	asked := make(chan struct{})
	w := newWorld(t, func(cfg *controller.Config) { cfg.Dialer = hanging{asked} })
	c := w.register("default", "web")
	w.report(c, "192.0.2.1:1")
	r := w.request("POST", api.PathContainerRunner(c.ID), api.ReportRunner{Address: "192.0.2.2:1", HostKey: testHostKey, Node: "node-2"})
	w.sign(r, c)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { <-asked; cancel() }()
	if resp, err := w.client.Do(r.WithContext(ctx)); err == nil {
		resp.Body.Close()
		t.Errorf("the report was answered %d", resp.StatusCode)
	}
	eventually(t, "the request is over", func() bool { return strings.Contains(w.log.String(), "a request failed") })
	if got := w.runnerAddress(c); got != "192.0.2.1:1" {
		t.Errorf("the record leads to %s", got)
	}
}

// hanging is a dialer that gets no answer, and tells when it is asked.
type hanging struct{ asked chan struct{} }

func (d hanging) DialRunner(ctx context.Context, _ api.Container) (net.Conn, error) {
	close(d.asked)
	<-ctx.Done()
	return nil, ctx.Err()
}
