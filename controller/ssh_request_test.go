// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"switchyard/api"
	"switchyard/controller"
)

// sshHeaders are those of a right upgrade.
func sshHeaders(token string) []string {
	return []string{"Connection: Upgrade", "Upgrade: ssh", "Authorization: Bearer " + token}
}

// head writes a request head as the lines say.
func (w *world) head(method, path string, lines []string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n", method, path, w.addr, strings.Join(lines, "\r\n"))
}

// raw sends bytes on a connection of its own and reads one answer.
func (w *world) raw(request string) answer {
	w.t.Helper()
	conn := w.dial()
	if _, err := io.WriteString(conn, request); err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		w.t.Fatalf("reading the answer: %v", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: b}
}

func TestRequestThatIsNoProperUpgradeIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	c, runner := w.running("default", "web", nil)
	good := sshHeaders(w.admin)
	path := api.PathContainerSSH("web")
	for name, test := range map[string]struct {
		request string
		status  int
		code    api.Code
	}{
		"no upgrade":             {w.head("POST", path, good[2:]), 426, api.CodeUpgradeRequired},
		"no Connection":          {w.head("POST", path, good[1:]), 426, api.CodeUpgradeRequired},
		"no Upgrade":             {w.head("POST", path, []string{good[0], good[2]}), 426, api.CodeUpgradeRequired},
		"another protocol":       {w.head("POST", path, []string{good[0], "Upgrade: websocket", good[2]}), 426, api.CodeUpgradeRequired},
		"HTTP/1.0":               {strings.Replace(w.head("POST", path, good), "HTTP/1.1", "HTTP/1.0", 1), 426, api.CodeUpgradeRequired},
		"no token nor upgrade":   {w.head("POST", path, []string{"X-A: b"}), 426, api.CodeUpgradeRequired},
		"two Upgrade headers":    {w.head("POST", path, append(slices.Clone(good), "Upgrade: ssh")), 400, api.CodeBadRequest},
		"a body":                 {w.head("POST", path, append(slices.Clone(good), "Content-Length: 4")) + "body", 400, api.CodeBadRequest},
		"a chunked body":         {w.head("POST", path, append(slices.Clone(good), "Transfer-Encoding: chunked")) + "4\r\nbody\r\n0\r\n\r\n", 400, api.CodeBadRequest},
		"two tokens":             {w.head("POST", path, append(slices.Clone(good), good[2])), 400, api.CodeBadRequest},
		"two local users":        {w.head("POST", path, append(slices.Clone(good), api.HeaderLocalUser+": a", api.HeaderLocalUser+": b")), 400, api.CodeBadRequest},
		"a long local user":      {w.head("POST", path, append(slices.Clone(good), api.HeaderLocalUser+": "+strings.Repeat("a", 257))), 400, api.CodeBadRequest},
		"a local user of bytes":  {w.head("POST", path, append(slices.Clone(good), api.HeaderLocalUser+": \xff\xfe")), 400, api.CodeBadRequest},
		"a local user with tabs": {w.head("POST", path, append(slices.Clone(good), api.HeaderLocalUser+": a\tb")), 400, api.CodeBadRequest},
		"another method":         {w.head("PUT", path, good), 405, api.CodeMethodNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.raw(test.request)
			if p := a.problem(t); a.status != test.status || p.Code != test.code {
				t.Errorf("answer %d %s: %s", a.status, p.Code, p.Detail)
			}
			if a.status == 426 && a.header.Get("Upgrade") != "ssh" {
				t.Errorf("426 names the protocol %q", a.header.Get("Upgrade"))
			}
		})
	}
	if _, dialled := runner.connections(); dialled != 0 {
		t.Errorf("the runner was dialled %d times", dialled)
	}
	w.untouched(c)
}

func TestUpgradeOverHTTP2IsRefused(t *testing.T) {
	w := newWorld(t, nil)
	w.running("default", "web", nil)
	a := w.call("POST", api.PathContainerSSH("web"), w.admin, nil)
	if p := a.problem(t); a.proto != "HTTP/2.0" || a.status != 426 || p.Code != api.CodeUpgradeRequired || !strings.Contains(p.Detail, "HTTP/1.1") {
		t.Errorf("over %s: %d %s", a.proto, a.status, a.body)
	}
}

func TestHugeHeaderIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	lines := append(sshHeaders(w.admin), "X-Long: "+strings.Repeat("x", 64<<10))
	if a := w.raw(w.head("POST", api.PathContainerSSH("web"), lines)); a.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("answer %d", a.status)
	}
}

// TestBytesSentBeforeThe101AreDelivered is a client in a hurry: OpenSSH's version line may come with the head.
func TestBytesSentBeforeThe101AreDelivered(t *testing.T) {
	w := newWorld(t, nil)
	w.running("default", "web", nil)
	conn := w.dial()
	io.WriteString(conn, w.head("POST", api.PathContainerSSH("web"), sshHeaders(w.admin))+"early")
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("answer %v, %v", resp, err)
	}
	io.WriteString(conn, " late")
	conn.CloseWrite()
	got, err := io.ReadAll(br)
	if want := greeting + "early late"; err != nil || string(got) != want {
		t.Errorf("read %q, %v; want %q", got, err, want)
	}
}

// gate is a RunnerDialer that holds every dial until it is let through or given up.
type gate struct {
	entered chan struct{}
	open    chan struct{}
	left    chan error // how a dial that was given up ended
}

func newGate() *gate {
	return &gate{entered: make(chan struct{}, 10), open: make(chan struct{}), left: make(chan error, 10)}
}

func (g *gate) DialRunner(ctx context.Context, c api.Container) (net.Conn, error) {
	g.entered <- struct{}{}
	select {
	case <-g.open:
		return controller.TCPDialer{}.DialRunner(ctx, c)
	case <-ctx.Done():
		g.left <- ctx.Err()
		return nil, ctx.Err()
	}
}

func TestClientThatGoesAwayWhileDiallingLeavesNothing(t *testing.T) {
	g := newGate()
	w := newWorld(t, func(cfg *controller.Config) { cfg.Dialer = g; cfg.MaxSessions = 1 })
	c, _ := w.running("default", "web", nil)
	conn := w.dial()
	io.WriteString(conn, w.head("POST", api.PathContainerSSH("web"), sshHeaders(w.admin)))
	<-g.entered
	w.refused(429, api.CodeTooMany, "GET", api.PathContainerSSH("web"), w.admin, nil) // it has its place already
	conn.Close()
	<-g.left
	eventually(t, "its place is free", func() bool { return w.call("GET", api.PathContainerSSH("web"), w.admin, nil).status == 204 })
	w.untouched(c)
}

func TestClientThatStopsInItsHeadHoldsNothingUp(t *testing.T) {
	w := newWorld(t, nil)
	w.running("default", "web", nil)
	for _, part := range []string{"", "POST /v1", w.head("POST", api.PathContainerSSH("web"), sshHeaders(w.admin))[:60]} {
		conn := w.dial()
		io.WriteString(conn, part)
	}
	if plain, err := net.Dial("tcp", w.addr); err != nil { // and one that stops in TLS
		t.Fatal(err)
	} else {
		defer plain.Close()
	}
	conn, _ := w.enter(w.admin, "web")
	conn.Close()
}

func TestSessionOpensOverTLS12AsWell(t *testing.T) {
	w := newWorld(t, nil)
	w.running("default", "web", nil)
	config := w.tlsConfig()
	config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	conn, err := tls.Dial("tcp", w.addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, w.head("POST", api.PathContainerSSH("web"), sshHeaders(w.admin)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("answer %v, %v", resp, err)
	}
}
