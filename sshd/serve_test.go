// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	gossh "golang.org/x/crypto/ssh"

	"switchyard/api"
)

func itoa(n int) string { return strconv.Itoa(n) }

// patience bounds what a test waits for; nothing asserts how long anything took.
const patience = 2 * time.Minute

// host is a server on a target, and what its connections are granted.
type host struct {
	t      testing.TB
	target *hostTarget
	cfg    Config
	grant  api.Grant
	signer gossh.Signer
	login  string // what OpenSSH's client asks for
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func newHost(t testing.TB) *host {
	t.Helper()
	h := &host{t: t, target: newHostTarget(), signer: newSigner(t), login: "app", grant: api.Grant{
		SessionID: "s1", ContainerID: "c1", User: "user", LocalUser: "me", ClientAddress: "192.0.2.7:1234",
		Features: []api.Feature{api.FeatureShell, api.FeatureLocalForward},
	}}
	h.ctx, h.cancel = context.WithCancelCause(context.Background())
	h.cfg = Config{
		Target: h.target, TargetName: `container "web"`, Signer: func() gossh.Signer { return h.signer },
		Log: testLog(t), EndTimeout: patience,
	}
	return h
}

// testLog is a logger that nobody reads but who debugs with -v.
func testLog(t testing.TB) logrus.FieldLogger {
	l := logrus.New()
	l.SetLevel(logrus.DebugLevel)
	l.SetOutput(&testWriter{t: t})
	t.Cleanup(func() { l.SetOutput(io.Discard) })
	return l
}

type testWriter struct{ t testing.TB }

func (w *testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func newSigner(t testing.TB) gossh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := gossh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// served is one connection that a server serves.
type served struct {
	conn net.Conn // the client's end
	done chan struct{}
	err  error // of Serve, once done is closed
}

// serve serves one connection and returns the client's end of it. When the test ends, the connection is
// closed, Serve must return, and every process must have been ended once.
func (h *host) serve() *served {
	h.t.Helper()
	return h.serveConn(tcpPair(h.t))
}

func (h *host) serveConn(near, far net.Conn) *served {
	h.t.Helper()
	server, err := New(h.cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	s := &served{conn: near, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = server.Serve(h.ctx, far, h.grant)
	}()
	h.t.Cleanup(func() {
		near.Close()
		s.wait(h.t)
		h.target.checkEnded(h.t)
	})
	return s
}

// wait waits until Serve has returned and returns its error.
func (s *served) wait(t testing.TB) error {
	t.Helper()
	select {
	case <-s.done:
		return s.err
	case <-time.After(patience):
		t.Fatal("Serve does not return")
		return nil
	}
}

// tcpPair is a connection through loopback.
func tcpPair(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return near, far
}

// dial serves a connection and opens it as the user.
func (h *host) dial(user string) (*gossh.Client, *served) {
	h.t.Helper()
	s := h.serve()
	client, err := h.open(s, user)
	if err != nil {
		h.t.Fatal(err)
	}
	return client, s
}

// open opens the client's end of a connection.
func (h *host) open(s *served, user string, change ...func(*gossh.ClientConfig)) (*gossh.Client, error) {
	cfg := &gossh.ClientConfig{User: user, HostKeyCallback: gossh.FixedHostKey(h.signer.PublicKey())}
	for _, f := range change {
		f(cfg)
	}
	conn, chans, reqs, err := gossh.NewClientConn(s.conn, "web", cfg)
	if err != nil {
		return nil, err
	}
	client := gossh.NewClient(conn, chans, reqs)
	h.t.Cleanup(func() { client.Close(); client.Wait() })
	return client, nil
}

// channel opens a session channel and collects its requests.
func openChannel(t *testing.T, c *gossh.Client) (gossh.Channel, <-chan *gossh.Request) {
	t.Helper()
	ch, reqs, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	return ch, reqs
}

// mustAccept sends a request that must succeed, mustRefuse one that must fail.
func mustAccept(t *testing.T, ch gossh.Channel, name string, payload any) {
	t.Helper()
	if !request(t, ch, name, payload) {
		t.Fatalf("%s was refused", name)
	}
}

func mustRefuse(t *testing.T, ch gossh.Channel, name string, payload any) {
	t.Helper()
	if request(t, ch, name, payload) {
		t.Fatalf("%s was accepted", name)
	}
}

func request(t *testing.T, ch gossh.Channel, name string, payload any) bool {
	t.Helper()
	raw, ok := payload.([]byte)
	if !ok && payload != nil {
		raw = gossh.Marshal(payload)
	}
	accepted, err := ch.SendRequest(name, true, raw)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return accepted
}

// result is all that a command gave.
type result struct {
	stdout, stderr string
	status         int
	err            error // of the end, *gossh.ExitError for exit-signal and a status that is not 0
}

// run runs a command with the input as its standard input.
func run(t *testing.T, c *gossh.Client, command, input string) result {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var stdout, stderr bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = strings.NewReader(input), &stdout, &stderr
	err = s.Run(command)
	r := result{stdout: stdout.String(), stderr: stderr.String(), err: err}
	var exit *gossh.ExitError
	if errors.As(err, &exit) {
		r.status = exit.ExitStatus()
	} else if err != nil {
		r.status = -1
	}
	return r
}

// gate is opened once, and waited for with patience.
type gate struct {
	once sync.Once
	ch   chan struct{}
}

func newGate() *gate { return &gate{ch: make(chan struct{})} }

func (g *gate) open() { g.once.Do(func() { close(g.ch) }) }

func (g *gate) wait(t *testing.T) {
	t.Helper()
	select {
	case <-g.ch:
	case <-time.After(patience):
		t.Fatal("waited too long")
	}
}

// receive waits for the next value.
func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("waited too long")
		panic("unreachable")
	}
}

// readAll reads to the end, within patience.
func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	all := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(r)
		all <- string(b)
	}()
	return receive(t, all)
}

// readUntil reads until what was read ends with the text.
func readUntil(t *testing.T, r io.Reader, text string) string {
	t.Helper()
	got := make(chan string, 1)
	go func() {
		var b []byte
		one := make([]byte, 1)
		for !strings.HasSuffix(string(b), text) {
			if n, err := r.Read(one); n == 0 && err != nil {
				break
			}
			b = append(b, one[0])
		}
		got <- string(b)
	}()
	s := receive(t, got)
	if !strings.HasSuffix(s, text) {
		t.Fatalf("read %q and then the end, want it to end with %q", s, text)
	}
	return s
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited too long for %s", what)
		}
	}
}
