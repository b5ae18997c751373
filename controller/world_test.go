// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"switchyard/api"
	"switchyard/controller"
	"switchyard/controller/ca"
	"switchyard/controller/datadir"
	"switchyard/proof"
)

// patience is how long a test waits for what must happen. It is not what is tested.
const patience = time.Minute

// world is a controller on a real database and a real TLS listener, with users to act as.
type world struct {
	t      *testing.T
	dir    *datadir.Dir
	c      *controller.Controller
	addr   string // host:port
	pool   *x509.CertPool
	client *http.Client
	admin  string // token
	log    *logBuffer
	served chan error
}

// logBuffer holds what has been logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newWorld starts a controller; change, if not nil, may alter its configuration.
func newWorld(t *testing.T, change func(*controller.Config)) *world {
	t.Helper()
	return newWorldIn(t, filepath.Join(t.TempDir(), "data"), change)
}

func newWorldIn(t *testing.T, path string, change func(*controller.Config)) *world {
	t.Helper()
	dir, err := datadir.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, log: &logBuffer{}, served: make(chan error, 1)}
	b, err := os.ReadFile(filepath.Join(path, datadir.AdminTokenFile))
	if err != nil {
		t.Fatal(err)
	}
	w.admin = strings.TrimSpace(string(b))
	log := logrus.New()
	log.SetOutput(w.log)
	log.SetLevel(logrus.DebugLevel)
	self := ca.NewSelf(dir.TLS, func() []string { return []string{"localhost", "127.0.0.1"} }, nil)
	cfg := controller.Config{
		Store: dir.Store, SystemToken: dir.SystemToken, Host: dir.Host,
		GetCertificate: self.GetCertificate, Authority: dir.TLS.PEM(), Log: log,
	}
	if change != nil {
		change(&cfg)
	}
	if w.c, err = controller.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	listeners, err := controller.Listen([]string{"127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	w.addr = listeners[0].Addr().String()
	go func() { w.served <- w.c.Serve(listeners...) }()
	w.pool = x509.NewCertPool()
	w.pool.AppendCertsFromPEM(dir.TLS.PEM())
	w.client = &http.Client{Transport: &http.Transport{TLSClientConfig: w.tlsConfig(), ForceAttemptHTTP2: true}}
	t.Cleanup(w.stop)
	return w
}

// stop stops the controller as a crash would not: it may be called again.
func (w *world) stop() {
	w.client.CloseIdleConnections()
	w.c.Close()
	if w.served != nil {
		if err := <-w.served; err != nil {
			w.t.Errorf("serving: %v", err)
		}
		w.served = nil
	}
	if err := w.dir.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		w.t.Errorf("closing the data directory: %v", err)
	}
	if strings.Contains(w.log.String(), w.admin) {
		w.t.Error("a token is in the log")
	}
	if w.t.Failed() {
		w.t.Logf("the controller's log:\n%s", w.log.String())
	}
}

func (w *world) tlsConfig() *tls.Config {
	return &tls.Config{RootCAs: w.pool, MinVersion: tls.VersionTLS13}
}

// answer is an HTTP answer, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
	proto  string
}

// problem returns the problem in the answer, which must be one.
func (a answer) problem(t *testing.T) api.Problem {
	t.Helper()
	var p api.Problem
	if got := a.header.Get("Content-Type"); got != api.ProblemContentType {
		t.Fatalf("answer %d of type %q, want a problem: %s", a.status, got, a.body)
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatalf("reading the problem %q: %v", a.body, err)
	}
	if p.Status != a.status || p.Type != api.ProblemTypePrefix+string(p.Code) || p.Title == "" || p.Detail == "" ||
		!strings.HasPrefix(p.Instance, "urn:uuid:") {
		t.Errorf("answer %d has an incomplete problem: %s", a.status, a.body)
	}
	return p
}

// call makes a request with a token ("" for none) and a body (nil for none; a string goes as it is).
func (w *world) call(method, path, token string, body any) answer {
	w.t.Helper()
	r := w.request(method, path, body)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return w.send(r)
}

func (w *world) request(method, path string, body any) *http.Request {
	w.t.Helper()
	var b []byte
	switch v := body.(type) {
	case nil:
	case string:
		b = []byte(v)
	default:
		var err error
		if b, err = json.Marshal(v); err != nil {
			w.t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, "https://"+w.addr+path, bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	resp, err := w.client.Do(r)
	if err != nil {
		w.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: b, proto: resp.Proto}
	w.hold(r, a)
	return a
}

// hold holds every answer against the OpenAPI file.
func (w *world) hold(r *http.Request, a answer) {
	w.t.Helper()
	pattern := controller.PatternForTest(r.Method, r.URL)
	if pattern == "" || r.Method == http.MethodHead {
		return
	}
	s, err := theSpec()
	if err != nil {
		w.t.Fatal(err)
	}
	var sent []byte
	if body, err := r.GetBody(); err == nil {
		sent, _ = io.ReadAll(body)
	}
	if err := s.checkAnswer(r.Method, pattern, sent, a); err != nil {
		w.t.Errorf("docs/openapi.yaml: %v\n%s", err, a.body)
	}
}

// must makes a request that has to succeed with this status, and reads the answer into T.
func must[T any](w *world, status int, method, path, token string, body any) T {
	w.t.Helper()
	a := w.call(method, path, token, body)
	var v T
	if a.status != status {
		w.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.body)
	}
	if status != http.StatusNoContent {
		if err := json.Unmarshal(a.body, &v); err != nil {
			w.t.Fatalf("%s %s: %v: %s", method, path, err, a.body)
		}
	}
	return v
}

// refused makes a request that has to fail with this status and code.
func (w *world) refused(status int, code api.Code, method, path, token string, body any) api.Problem {
	w.t.Helper()
	a := w.call(method, path, token, body)
	if a.status != status {
		w.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.body)
	}
	p := a.problem(w.t)
	if p.Code != code {
		w.t.Errorf("%s %s: code %q, want %q: %s", method, path, p.Code, code, p.Detail)
	}
	return p
}

type none struct{}

// user makes a user and returns a token of hers.
func (w *world) user(name string) string {
	w.t.Helper()
	must[api.User](w, http.StatusCreated, "POST", api.PathUsers, w.admin, api.CreateUser{Name: name})
	return must[api.CreatedToken](w, http.StatusCreated, "POST", api.PathTokens, w.admin, api.CreateToken{User: name}).Secret
}

// project makes a project with members.
func (w *world) project(name string, members map[string]api.Role) {
	w.t.Helper()
	must[api.Project](w, http.StatusCreated, "POST", api.PathProjects, w.admin, api.CreateProject{Name: name})
	for user, role := range members {
		must[none](w, http.StatusNoContent, "PUT", api.PathMember(name, user), w.admin, api.SetMember{Role: role})
	}
}

// register makes a queued container.
func (w *world) register(project, name string) api.CreatedContainer {
	w.t.Helper()
	return must[api.CreatedContainer](w, http.StatusCreated, "POST", api.PathContainers, w.admin, api.CreateContainer{Name: name, Project: project})
}

// signed makes a request as a container's runner.
func (w *world) signed(c api.CreatedContainer, method, path string, body any) answer {
	w.t.Helper()
	r := w.request(method, path, body)
	w.sign(r, c)
	return w.send(r)
}

func (w *world) sign(r *http.Request, c api.CreatedContainer) {
	w.t.Helper()
	key, err := proof.ParseContainerKey(c.ContainerKey)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := r.GetBody()
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := io.ReadAll(b)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", key.Sign(string(c.ID), r.Method, r.URL.RequestURI(), time.Now(), body))
}

// report says where the container's runner is, so that it runs.
func (w *world) report(c api.CreatedContainer, address string) api.RunnerReported {
	w.t.Helper()
	a := w.signed(c, "POST", api.PathContainerRunner(c.ID), api.ReportRunner{
		Address: address, HostKey: testHostKey, Node: "node-1", DockerID: c.DockerID, Exec: "docker",
	})
	if a.status != http.StatusOK {
		w.t.Fatalf("reporting a runner: %d: %s", a.status, a.body)
	}
	var v api.RunnerReported
	if err := json.Unmarshal(a.body, &v); err != nil {
		w.t.Fatal(err)
	}
	return v
}

const testHostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9mQ2mBvHkV5Qw1r0OqKkYwJ2f1Yy0m8o1b1i2s3n4z"

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// dial opens a TLS connection to the controller, for requests that no HTTP client would make.
func (w *world) dial() *tls.Conn {
	w.t.Helper()
	conn, err := tls.Dial("tcp", w.addr, w.tlsConfig())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// metricsHave waits until the metrics have these lines: a request is counted when it has been answered.
func (w *world) metricsHave(want ...string) {
	w.t.Helper()
	var a answer
	defer func() {
		if w.t.Failed() {
			w.t.Logf("%d %s", a.status, a.body)
		}
	}()
	for _, line := range want {
		eventually(w.t, "the metrics have "+line, func() bool {
			a = w.call("GET", api.PathMetrics, w.admin, nil)
			return strings.Contains("\n"+string(a.body), "\n"+line)
		})
	}
}
