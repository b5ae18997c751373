// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/ssh"

	"switchyard/api"
	"switchyard/proof"
	"switchyard/runner/host"
	"switchyard/sshd"
	"switchyard/upgrade"
)

// limit bounds everything that a test waits for. Nothing is asserted about time.
const limit = 30 * time.Second

const (
	testID   = api.ContainerID("0198c7de-93c1-7a43-8b4d-2f3fd3f0f6a5")
	testUser = "someone"
)

var testKey = proof.NewSystemToken().ContainerKey(string(testID))

// world is a running runner on this machine's processes, and its controller.
type world struct {
	*fakeController
	t       *testing.T
	runner  *Runner
	address string
	log     *syncBuffer
	stop    context.CancelFunc
	ended   chan struct{} // closed when Run has returned, then err is set
	err     error
}

// anyAccount gives every account a POSIX shell, whatever the machine's own has, which may be none.
type anyAccount struct{ *host.Target }

func (t anyAccount) Account(ctx context.Context, login string) (sshd.Account, error) {
	a, err := t.Target.Account(ctx, login)
	a.Shell = "/bin/sh"
	return a, err
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start starts a runner and waits until it has registered.
func start(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := launch(t, change)
	w.address = bounded(t, "the registration", w.reports).Address
	return w
}

// launch starts a runner. When the test ends, it is stopped, and its log has shown no secret.
func launch(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := &world{fakeController: newController(t), t: t, log: &syncBuffer{}, ended: make(chan struct{})}
	log := logrus.New()
	log.SetOutput(w.log)
	log.SetLevel(logrus.TraceLevel)
	cfg := Config{
		Target: anyAccount{host.New(host.Config{Name: "this machine", Grace: limit, Log: log})}, ContainerID: testID, Key: testKey,
		Controller: w, Node: "node-1", Exec: "host", Log: log, Grace: limit,
	}
	if change != nil {
		change(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.runner = r
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() {
		defer close(w.ended)
		w.err = r.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		await(t, "the runner's end", w.ended)
		if s := w.log.String(); strings.Contains(s, testKey.Reveal()) {
			t.Errorf("the log holds the container key:\n%s", s)
		}
	})
	return w
}

// outcome is what Run returned.
func (w *world) outcome() error {
	w.t.Helper()
	await(w.t, "the runner's end", w.ended)
	return w.err
}

func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(limit):
		t.Fatalf("waited %v for %s", limit, what)
	}
}

// bounded receives from a channel.
func bounded[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(limit):
		t.Fatalf("waited %v for %s", limit, what)
		panic("unreachable")
	}
}

// eventually polls for a condition that nothing tells about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(limit)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited %v until %s", limit, what)
		}
	}
}

// dial speaks TLS with the runner as a controller does.
func (w *world) dial() *tls.Conn {
	w.t.Helper()
	c, err := dialTLS(w.address, &tls.Config{MinVersion: tls.VersionTLS13})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

func dialTLS(address string, cfg *tls.Config) (*tls.Conn, error) {
	cfg.InsecureSkipVerify = true // as the controller: the proofs authenticate
	c, err := tls.Dial("tcp", address, cfg)
	if err != nil {
		return nil, err
	}
	return c, c.SetDeadline(time.Now().Add(limit))
}

func exporter(t *testing.T, c *tls.Conn) proof.Exporter {
	t.Helper()
	e, err := proof.Export(c.ConnectionState(), proof.ExporterLabel)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// aGrant is a good one.
func aGrant() api.Grant {
	return api.Grant{
		SessionID: "0198c7de-93c1-7a43-8b4d-000000000001", ContainerID: testID, User: testUser,
		Features: []api.Feature{api.FeatureShell, api.FeatureLocalForward}, IssuedAt: time.Now(),
	}
}

func encode(t testing.TB, g api.Grant) string {
	t.Helper()
	s, err := g.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// request is the controller's, with the right proof for this TLS session.
func (w *world) request(c *tls.Conn, grant string) *http.Request {
	w.t.Helper()
	return requestFor(w.address, grant, testKey.AddressKey(w.address).Request(exporter(w.t, c), grant))
}

func requestFor(address, grant string, p proof.Proof) *http.Request {
	return &http.Request{
		Method: http.MethodPost, URL: &url.URL{Scheme: "https", Host: address, Path: api.RunnerSSHPath}, Host: address,
		Header: http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {api.ProtocolSSH},
			api.HeaderGrant: {grant}, api.HeaderProof: {p.String()},
		},
	}
}

// open opens a connection as the controller does, checking the runner's proof.
func (w *world) open(g api.Grant) *upgrade.Conn {
	w.t.Helper()
	c := w.dial()
	r := w.request(c, encode(w.t, g))
	e := exporter(w.t, c)
	conn, header, err := upgrade.Do(context.Background(), c, r, api.ProtocolSSH)
	if err != nil {
		w.t.Fatalf("the runner refused the right proof: %v\n%s", err, w.log)
	}
	if err := testKey.AddressKey(w.address).Response(e).Check(header.Get(api.HeaderProof)); err != nil {
		w.t.Fatalf("the runner's own proof: %v", err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// ssh opens a connection and speaks SSH on it, verifying the host certificate.
func (w *world) ssh() *ssh.Client {
	w.t.Helper()
	return w.sshOn(w.open(aGrant()))
}

func (w *world) sshOn(conn net.Conn) *ssh.Client {
	w.t.Helper()
	account, err := w.runner.cfg.Target.Account(context.Background(), "")
	if err != nil {
		w.t.Fatal(err)
	}
	checker := &ssh.CertChecker{IsHostAuthority: func(k ssh.PublicKey, _ string) bool {
		return bytes.Equal(k.Marshal(), w.authority.PublicKey().Marshal())
	}}
	c, channels, requests, err := ssh.NewClientConn(conn, "web:22", &ssh.ClientConfig{
		User: account.Name, HostKeyCallback: checker.CheckHostKey,
		HostKeyAlgorithms: []string{ssh.CertAlgoED25519v01},
	})
	if err != nil {
		w.t.Fatalf("SSH: %v\n%s", err, w.log)
	}
	client := ssh.NewClient(c, channels, requests)
	w.t.Cleanup(func() { client.Close() })
	return client
}

// session runs a command, whose output the test reads as it comes.
type session struct {
	*ssh.Session
	out    io.Reader
	stderr *syncBuffer
}

func (w *world) run(c *ssh.Client, line string) *session {
	w.t.Helper()
	s, err := c.NewSession()
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	stderr := &syncBuffer{}
	s.Stderr = stderr
	if err := s.Start(line); err != nil {
		w.t.Fatal(err)
	}
	return &session{s, out, stderr}
}

// says waits for this text.
func (s *session) says(t *testing.T, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s.out, got); err != nil || string(got) != want {
		t.Fatalf("the command wrote %q, %v, need %q", got, err, want)
	}
}
