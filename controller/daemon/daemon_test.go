// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"switchyard/api"
	"switchyard/controller/ca"
	"switchyard/controller/daemon"
	"switchyard/controller/datadir"
	"switchyard/proof"
	"switchyard/test/leaks"
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }

// process is a controller process that runs in a goroutine.
type process struct {
	t       *testing.T
	o       daemon.Options
	addr    string
	signals chan os.Signal
	ended   chan error
	log     *buffer
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *buffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t *testing.T, ctx context.Context, change func(*daemon.Options)) *process {
	t.Helper()
	p := &process{t: t, signals: make(chan os.Signal, 4), ended: make(chan error, 1), log: &buffer{}}
	log := logrus.New()
	log.SetOutput(p.log)
	listening := make(chan []net.Addr, 1)
	p.o = daemon.Options{
		DataDir: filepath.Join(t.TempDir(), "data"), Listen: []string{"127.0.0.1:0"}, Log: log,
		Listening: func(a []net.Addr) { listening <- a },
	}
	if change != nil {
		change(&p.o)
	}
	go func() { p.ended <- daemon.Run(ctx, p.o, p.signals) }()
	select {
	case a := <-listening:
		p.addr = a[0].String()
	case err := <-p.ended:
		t.Fatalf("it ended: %v\n%s", err, p.log)
	}
	return p
}

// certificate is what the process shows.
func (p *process) certificate() *x509.Certificate {
	p.t.Helper()
	conn, err := tls.Dial("tcp", p.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

func (p *process) stop() {
	p.t.Helper()
	p.signals <- syscall.SIGTERM
	if err := <-p.ended; err != nil {
		p.t.Errorf("it ended with %v\n%s", err, p.log)
	}
}

func TestProcessServesUntilTold(t *testing.T) {
	p := start(t, t.Context(), nil)
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(p.o.DataDir, datadir.TLSCertFile))
	if err != nil {
		t.Fatal(err)
	}
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	resp, err := client.Get("https://" + p.addr + api.PathReady)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	client.CloseIdleConnections()
	if resp.StatusCode != 200 {
		t.Errorf("ready: %d", resp.StatusCode)
	}
	file := filepath.Join(p.o.DataDir, datadir.AdminTokenFile)
	token, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if log := p.log.String(); !strings.Contains(log, file) || strings.Contains(log, strings.TrimSpace(string(token))) {
		t.Errorf("the log names the file, or holds the token: %s", log)
	}
	p.stop()
	if _, err := net.Dial("tcp", p.addr); err == nil {
		t.Error("it listens still")
	}
	again := start(t, t.Context(), func(o *daemon.Options) { o.DataDir = p.o.DataDir })
	again.stop()
}

// TestHTTP2IsSpokenBesideAUnixSocket: net/http sets HTTP/2 up at the first listener it serves, or never.
func TestHTTP2IsSpokenBesideAUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	for range 5 { // the order in which the two begin is not ours
		p := start(t, t.Context(), func(o *daemon.Options) { o.Listen = []string{"127.0.0.1:0", "unix://" + socket} })
		client := &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true,
		}}
		resp, err := client.Get("https://" + p.addr + api.PathReady)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.ProtoMajor != 2 || resp.StatusCode != 200 {
			t.Errorf("%s %d", resp.Proto, resp.StatusCode)
		}
		client.CloseIdleConnections()
		p.stop()
	}
}

func TestProcessStopsWhenItsContextIsDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := start(t, ctx, nil)
	cancel()
	if err := <-p.ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// A session that is being opened holds the stop up, which its runner does for as long as it is silent.
func TestFirstSignalWaitsForSessionsAndASecondDoesNot(t *testing.T) {
	p := start(t, t.Context(), func(o *daemon.Options) { o.DrainTimeout = time.Hour })
	dialled, answered := p.holdSession()
	<-dialled
	p.signals <- syscall.SIGTERM
	eventually(t, func() bool { return strings.Contains(p.log.String(), "no session is opened any more") })
	select {
	case err := <-p.ended:
		t.Fatalf("it ended under a session: %v\n%s", err, p.log)
	default:
	}
	p.signals <- syscall.SIGINT
	if err := <-p.ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
	if log := p.log.String(); !strings.Contains(log, "stopping at once") {
		t.Errorf("it did not end by the second signal: %s", log)
	}
	if answer := <-answered; strings.Contains(answer, " 502 ") {
		t.Errorf("the runner was waited for all the same: %q", answer)
	}
}

// holdSession asks for a session in a container whose runner takes connections and is silent until they end. It tells
// when the runner has been dialled, and how the request was answered, if it was.
func (p *process) holdSession() (dialled <-chan struct{}, answered <-chan string) {
	p.t.Helper()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { silent.Close() })
	token := p.admin()
	var c api.CreatedContainer
	p.call(api.PathContainers, api.CreateContainer{Name: "web", Project: datadir.FirstProject}, "Bearer "+token, &c)
	report := api.ReportRunner{Address: silent.Addr().String(), HostKey: hostKey, Node: "node-1", Exec: "docker"}
	p.call(api.PathContainerRunner(c.ID), report, p.signature(c, api.PathContainerRunner(c.ID), report), &api.RunnerReported{})
	came, over := make(chan struct{}), make(chan string, 1)
	go func() {
		conn, err := silent.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		close(came)
		io.Copy(io.Discard, conn)
	}()
	go func() {
		conn, err := tls.Dial("tcp", p.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			over <- err.Error()
			return
		}
		defer conn.Close()
		io.WriteString(conn, "POST "+api.PathContainerSSH("web")+" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ssh\r\n"+
			"Authorization: Bearer "+token+"\r\n\r\n")
		answer, _ := io.ReadAll(conn)
		over <- string(answer)
	}()
	return came, over
}

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9mQ2mBvHkV5Qw1r0OqKkYwJ2f1Yy0m8o1b1i2s3n4z"

// admin is the first admin's token.
func (p *process) admin() string {
	p.t.Helper()
	token, err := os.ReadFile(filepath.Join(p.o.DataDir, datadir.AdminTokenFile))
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(string(token))
}

// signature is a runner's.
func (p *process) signature(c api.CreatedContainer, path string, body any) string {
	p.t.Helper()
	key, err := proof.ParseContainerKey(c.ContainerKey)
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	return key.Sign(string(c.ID), http.MethodPost, path, time.Now(), b)
}

// call posts to the API, which has to work, and reads the answer.
func (p *process) call(path string, body any, authorization string, answer any) {
	p.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, "https://"+p.addr+path, bytes.NewReader(b))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	resp, err := client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil || resp.StatusCode >= 300 {
		p.t.Fatalf("%s: %d, %v", path, resp.StatusCode, err)
	}
}

func TestCertificateHoldsForWhatIsListenedOn(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, t.Context(), func(o *daemon.Options) {
		o.Listen = []string{"127.0.0.2:0", "unix://" + filepath.Join(t.TempDir(), "s")}
		o.TLSNames = []string{"switchyard.test", "192.0.2.1"}
	})
	cert := p.certificate()
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "127.0.0.2", host, "switchyard.test", "192.0.2.1"} {
		if err := cert.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	p.stop()
}

func TestGivenCertificateIsServedAndReadAgainAtSIGHUP(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pem")
	write := func() string {
		authority, err := ca.NewTLS(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		text, err := authority.Encode()
		if err == nil {
			err = os.WriteFile(file, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(authority.DER())
	}
	first := write()
	p := start(t, t.Context(), func(o *daemon.Options) { o.TLSCert, o.TLSKey = file, file })
	if string(p.certificate().Raw) != first {
		t.Error("it shows another certificate")
	}
	second := write()
	p.signals <- syscall.SIGHUP
	eventually(t, func() bool { return string(p.certificate().Raw) == second })
	if err := os.WriteFile(file, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signals <- syscall.SIGHUP
	eventually(t, func() bool { return strings.Contains(p.log.String(), "cannot be read") })
	if string(p.certificate().Raw) != second {
		t.Error("a bad file took the certificate away")
	}
	p.stop()
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("waited in vain")
		}
	}
}

func TestProcessThatCannotStartSaysWhyAndLetsGo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	log := logrus.New()
	log.SetOutput(io.Discard)
	for name, c := range map[string]struct {
		o    daemon.Options
		want string
	}{
		"no address":         {daemon.Options{DataDir: dir}, "address"},
		"an address in use":  {daemon.Options{DataDir: dir, Listen: []string{taken.Addr().String()}}, taken.Addr().String()},
		"half a certificate": {daemon.Options{DataDir: dir, Listen: []string{"127.0.0.1:0"}, TLSCert: "x"}, "both files"},
		"no such file":       {daemon.Options{DataDir: dir, Listen: []string{"127.0.0.1:0"}, TLSCert: "/x", TLSKey: "/y"}, "/x"},
		"a strange switch":   {daemon.Options{DataDir: dir, Listen: []string{"127.0.0.1:0"}, ShellAccess: "maybe"}, `"maybe"`},
	} {
		c.o.Log = log
		if err := daemon.Run(t.Context(), c.o, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := start(t, t.Context(), func(o *daemon.Options) { o.DataDir = dir })
	p.stop()
}

func TestOptionsThatCannotWorkMakeNothing(t *testing.T) {
	for name, change := range map[string]func(*daemon.Options){
		"no address":                func(o *daemon.Options) { o.Listen = nil },
		"an address without a port": func(o *daemon.Options) { o.Listen = []string{"localhost"} },
		"a port that is none":       func(o *daemon.Options) { o.Listen = []string{"localhost:99999"} },
		"a relative socket":         func(o *daemon.Options) { o.Listen = []string{"unix://socket"} },
		"half a certificate":        func(o *daemon.Options) { o.TLSKey = "x" },
		"no such certificate":       func(o *daemon.Options) { o.TLSCert, o.TLSKey = "/x", "/y" },
		"a strange switch":          func(o *daemon.Options) { o.ShellAccess = "on" },
	} {
		log := logrus.New()
		log.SetOutput(io.Discard)
		o := daemon.Options{DataDir: filepath.Join(t.TempDir(), "data"), Listen: []string{"127.0.0.1:0"}, Log: log}
		change(&o)
		if err := daemon.Run(t.Context(), o, nil); err == nil {
			t.Errorf("%s: the controller ran", name)
		}
		if _, err := os.Lstat(o.DataDir); err == nil {
			t.Errorf("%s: the data directory was made", name)
		}
	}
}
