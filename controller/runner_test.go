// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/controller/ca"
	"switchyard/proof"
	"switchyard/upgrade"
)

// fakeRunner is a TLS server that does what the test says with each connection, and remembers what it was sent.
type fakeRunner struct {
	key     proof.ContainerKey
	l       net.Listener
	addr    string
	wg      sync.WaitGroup
	mu      sync.Mutex
	grants  []api.Grant
	open    int
	dialled int
}

// visit is one connection to a fake runner, with its request read.
type visit struct {
	runner   *fakeRunner
	conn     *tls.Conn
	br       *bufio.Reader
	request  *http.Request
	exporter proof.Exporter
	key      proof.ContainerKey
}

// newRunner starts a fake runner that holds this container's key. behave nil is one that proves itself,
// greets and echoes.
func newRunner(t *testing.T, c api.CreatedContainer, behave func(*visit)) *fakeRunner {
	t.Helper()
	key, err := proof.ParseContainerKey(c.ContainerKey)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeRunner{key: key, l: l, addr: l.Addr().String()}
	if behave == nil {
		behave = (*visit).echo
	}
	config := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12}
	f.wg.Go(func() { f.accept(config, behave) })
	t.Cleanup(func() { l.Close(); f.wg.Wait() })
	return f
}

func (f *fakeRunner) accept(config *tls.Config, behave func(*visit)) {
	for {
		plain, err := f.l.Accept()
		if err != nil {
			return
		}
		f.count(1)
		f.wg.Go(func() {
			defer f.count(-1)
			conn := tls.Server(plain, config)
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(2 * patience))
			f.serve(conn, behave)
		})
	}
}

func (f *fakeRunner) count(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open += n
	if n > 0 {
		f.dialled++
	}
}

// connections is how many are open, and how many there have been.
func (f *fakeRunner) connections() (open, dialled int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open, f.dialled
}

func (f *fakeRunner) serve(conn *tls.Conn, behave func(*visit)) {
	br := bufio.NewReader(conn)
	r, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	v := &visit{runner: f, conn: conn, br: br, request: r, key: f.key}
	if v.exporter, err = proof.Export(conn.ConnectionState(), proof.ExporterLabel); err != nil {
		return
	}
	behave(v)
}

// honest checks the proof and answers 101 with the other one; it reports whether it did.
func (v *visit) honest() bool {
	ka := v.key.AddressKey(v.runner.addr)
	header := v.request.Header.Get(api.HeaderGrant)
	grant, err := api.DecodeGrant(header)
	if err != nil || ka.Request(v.exporter, header).Check(v.request.Header.Get(api.HeaderProof)) != nil ||
		upgrade.Check(v.request, api.ProtocolSSH) != nil || v.request.URL.Path != api.RunnerSSHPath {
		io.WriteString(v.conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		return false
	}
	v.runner.mu.Lock()
	v.runner.grants = append(v.runner.grants, grant)
	v.runner.mu.Unlock()
	v.answer101(ka.Response(v.exporter).String())
	return true
}

func (v *visit) answer101(proofs ...string) {
	s := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ssh\r\n"
	for _, p := range proofs {
		s += api.HeaderProof + ": " + p + "\r\n"
	}
	io.WriteString(v.conn, s+"\r\n")
}

const greeting = "SSH-2.0-test\r\n"

// echo greets, sends everything back, and half-closes at the client's end.
func (v *visit) echo() {
	if !v.honest() {
		return
	}
	io.WriteString(v.conn, greeting)
	io.Copy(v.conn, v.br)
	v.conn.CloseWrite()
}

// ssh asks the controller for a session. The error is an *upgrade.ResponseError when there was an answer.
func (w *world) ssh(token, ref string, header http.Header) (*upgrade.Conn, http.Header, error) {
	w.t.Helper()
	conn := w.dial()
	r, err := http.NewRequest("POST", "https://"+w.addr+api.PathContainerSSH(api.Ref(ref)), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	up, got, err := upgrade.Do(w.t.Context(), conn, r, api.ProtocolSSH)
	if up != nil {
		up.SetDeadline(time.Now().Add(patience))
	}
	return up, got, err
}

// enter opens a session, which has to work, and returns its connection and id.
func (w *world) enter(token, ref string) (*upgrade.Conn, api.SessionID) {
	w.t.Helper()
	conn, header, err := w.ssh(token, ref, nil)
	if err != nil {
		w.t.Fatalf("opening a session in %q: %v%s", ref, err, bodyOf(err))
	}
	return conn, api.SessionID(header.Get(api.HeaderSession))
}

func bodyOf(err error) string {
	var answer *upgrade.ResponseError
	if errors.As(err, &answer) {
		return " " + string(answer.Body)
	}
	return ""
}

// turnedAway asks for a session, which has to be refused with this status and code.
func (w *world) turnedAway(status int, code api.Code, token, ref string) (api.Problem, http.Header) {
	w.t.Helper()
	conn, _, err := w.ssh(token, ref, nil)
	var got *upgrade.ResponseError
	if conn != nil || !errors.As(err, &got) {
		w.t.Fatalf("opening a session in %q: error %v, want an answer %d", ref, err, status)
	}
	p := answer{status: got.Status, header: got.Header, body: got.Body}.problem(w.t)
	if got.Status != status || p.Code != code {
		w.t.Fatalf("opening a session in %q: %d %s, want %d %s: %s", ref, got.Status, p.Code, status, code, p.Detail)
	}
	return p, got.Header
}

// running makes a container with a runner.
func (w *world) running(project, name string, behave func(*visit)) (api.CreatedContainer, *fakeRunner) {
	w.t.Helper()
	c := w.register(project, name)
	f := newRunner(w.t, c, behave)
	w.report(c, f.addr)
	return c, f
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	authority, err := ca.NewTLS(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.NewSelf(authority, func() []string { return []string{"runner"} }, nil).GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return *cert
}
