// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"switchyard/api"
	"switchyard/test/ports"
)

// portTarget is a hostTarget on whose loopback a client can listen. It remembers what was asked of it.
type portTarget struct {
	*hostTarget
	listen func(host string, port uint16) (net.Listener, error) // nil: on 127.0.0.1

	mu    sync.Mutex
	asked []string
	open  int
}

func (p *portTarget) Listen(_ context.Context, a Account, host string, port uint16) (net.Listener, error) {
	listen := p.listen
	if listen == nil {
		listen = func(_ string, port uint16) (net.Listener, error) {
			return net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		}
	}
	l, err := listen(host, port)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, fmt.Sprintf("%s %q", a.Name, host))
	if err != nil {
		return nil, err
	}
	p.open++
	return &countedListener{Listener: l, closed: sync.OnceFunc(p.closed)}, nil
}

func (p *portTarget) closed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
}

func (p *portTarget) listeners() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// countedListener tells of its end.
type countedListener struct {
	net.Listener
	closed func()
}

func (l *countedListener) Close() error {
	defer l.closed()
	return l.Listener.Close()
}

// DialFiltered knows literal addresses and localhost.
func (p *portTarget) DialFiltered(ctx context.Context, host string, port uint16, may func(netip.Addr) error) (net.Conn, error) {
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if err := may(netip.MustParseAddr(host)); err != nil {
		return nil, fmt.Errorf("dialling %q: %w", host, err)
	}
	return p.Dial(ctx, host, port)
}

// newPortHost is a host whose target can be listened in, for a client that may do all.
func newPortHost(t testing.TB) (*host, *portTarget) {
	h := newHost(t)
	target := &portTarget{hostTarget: h.target}
	h.cfg.Target = target
	h.grant.Features = api.AllFeatures()
	// Cleanups run in the opposite order: when this one does, all connections have ended.
	t.Cleanup(func() {
		if n := target.listeners(); n != 0 {
			t.Errorf("%d listeners are left", n)
		}
	})
	return h, target
}

// askToListen sends tcpip-forward and returns the port that was given.
func askToListen(t *testing.T, c *gossh.Client, host string, port int) int {
	t.Helper()
	ok, payload, err := c.SendRequest("tcpip-forward", true, encode(host, port))
	if err != nil || !ok {
		t.Fatalf("listening on port %d of %q: %v, %v", port, host, ok, err)
	}
	if port != 0 {
		return port
	}
	if len(payload) != 4 {
		t.Fatalf("the answer to port 0 is %q", payload)
	}
	return int(binary.BigEndian.Uint32(payload))
}

func dialPort(t *testing.T, port int) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func TestRemoteForwardCarriesBothWaysAndEachEndOfItself(t *testing.T) {
	h, _ := newPortHost(t)
	c, _ := h.dial("app")
	opens := c.HandleChannelOpen("forwarded-tcpip")
	port := askToListen(t, c, "localhost", 0)
	inside := dialPort(t, port)
	open := receive(t, opens)
	m, err := parse[forwardedTCPIPMsg](open.ExtraData())
	from := inside.LocalAddr().(*net.TCPAddr)
	if want := (forwardedTCPIPMsg{"localhost", uint32(port), "127.0.0.1", uint32(from.Port)}); err != nil || m != want {
		t.Errorf("the open says %+v, %v; want %+v", m, err, want)
	}
	ch, requests, err := open.Accept()
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(requests)
	sent := strings.Repeat("0123456789abcdef", 1<<18) // two windows
	go func() { io.WriteString(inside, sent); inside.CloseWrite() }()
	if got := readAll(t, ch); got != sent {
		t.Errorf("the client got %d bytes, want %d", len(got), len(sent))
	}
	go func() { io.WriteString(ch, sent); ch.CloseWrite() }()
	if got := readAll(t, inside); got != sent {
		t.Errorf("the inside got %d bytes behind its EOF, want %d", len(got), len(sent))
	}
}

func TestRemoteForwardsAreListenedForAsThePolicySays(t *testing.T) {
	for policy, want := range map[GatewayPorts]map[string]string{
		"": {"": "localhost", "*": "localhost", "0.0.0.0": "localhost", "::": "localhost", "localhost": "localhost",
			"127.0.0.1": "127.0.0.1", "::1": "::1", "192.0.2.1": "localhost"},
		GatewayYes: {"": "", "*": "", "0.0.0.0": "", "::": "", "localhost": "", "127.0.0.1": "", "::1": "", "192.0.2.1": ""},
		GatewayClientSpecified: {"": "", "*": "", "0.0.0.0": "0.0.0.0", "::": "::", "localhost": "localhost",
			"127.0.0.1": "127.0.0.1", "::1": "::1", "192.0.2.1": "192.0.2.1"},
	} {
		h, target := newPortHost(t)
		h.cfg.Forwards.GatewayPorts = policy
		c, _ := h.dial("app")
		for asked, listened := range want {
			askToListen(t, c, asked, 0)
			if got, want := target.asked[len(target.asked)-1], fmt.Sprintf("app %q", listened); got != want {
				t.Errorf("%q: %q was listened on by %s, want %s", policy, asked, got, want)
			}
		}
	}
}

func TestCancelEndsTheListenerAndNotItsConnections(t *testing.T) {
	h, target := newPortHost(t)
	c, _ := h.dial("app")
	opens := c.HandleChannelOpen("forwarded-tcpip")
	port, other := askToListen(t, c, "localhost", ports.Free(t)), askToListen(t, c, "localhost", 0)
	inside := dialPort(t, port)
	ch, requests, err := receive(t, opens).Accept()
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(requests)
	for _, wrong := range [][]byte{encode("127.0.0.1", port), encode("localhost", 1), encode("localhost", 1<<17), []byte("x")} {
		if ok, _, _ := c.SendRequest("cancel-tcpip-forward", true, wrong); ok {
			t.Errorf("a cancel of %q was accepted", wrong)
		}
	}
	if ok, _, err := c.SendRequest("cancel-tcpip-forward", true, encode("localhost", port)); !ok {
		t.Fatalf("the cancel was refused: %v", err)
	}
	if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
		conn.Close()
		t.Error("the port still listens")
	}
	if n := target.listeners(); n != 1 {
		t.Errorf("%d listeners are left, want the other one", n)
	}
	io.WriteString(inside, "still here")
	inside.CloseWrite()
	if got := readAll(t, ch); got != "still here" {
		t.Errorf("the connection from before carries %q", got)
	}
	ch.Close()
	if ok, _, _ := c.SendRequest("cancel-tcpip-forward", true, encode("localhost", port)); ok {
		t.Error("a second cancel was accepted")
	}
	dialPort(t, other)
	receive(t, opens).Reject(gossh.Prohibited, "")
}

func TestRemoteForwardThatTheClientRefusesResetsTheConnection(t *testing.T) {
	h, _ := newPortHost(t)
	c, _ := h.dial("app")
	opens := c.HandleChannelOpen("forwarded-tcpip")
	inside := dialPort(t, askToListen(t, c, "localhost", 0))
	receive(t, opens).Reject(gossh.ConnectionFailed, "nobody there")
	if _, err := inside.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("the inside reads %v, want a reset", err)
	}
}

func TestRemoteForwardThatTheClientNeverAnswersIsClosed(t *testing.T) {
	h, _ := newPortHost(t)
	h.cfg.AnswerTimeout = 200 * time.Millisecond
	c, _ := h.dial("app")
	opens := c.HandleChannelOpen("forwarded-tcpip")
	inside := dialPort(t, askToListen(t, c, "localhost", 0))
	open := receive(t, opens)
	if got := readAll(t, inside); got != "" {
		t.Errorf("the inside reads %q", got)
	}
	ch, requests, err := open.Accept() // too late
	if err != nil {
		t.Fatal(err)
	}
	for range requests { // until it is closed
	}
	if _, err := ch.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the late channel reads %v", err)
	}
}

// TestClientThatAnswersNoOpenHoldsFewOfThem: each is a goroutine and a channel of the library's.
func TestClientThatAnswersNoOpenHoldsFewOfThem(t *testing.T) {
	h, _ := newPortHost(t)
	c, s := h.dial("app")
	opens := c.HandleChannelOpen("forwarded-tcpip")
	port := askToListen(t, c, "localhost", 0)
	for range maxOpening + 20 {
		dialPort(t, port)
	}
	var held []gossh.NewChannel
	for range maxOpening {
		held = append(held, receive(t, opens))
	}
	// The shell is not held up, and answers the question whether there is one open more: it would have come first.
	if r := run(t, c, "echo here", ""); r.stdout != "here\n" {
		t.Errorf("beside the opens a command gives %+v", r)
	}
	select {
	case <-opens:
		t.Errorf("more than %d opens wait at once", maxOpening)
	default:
	}
	for _, open := range held {
		open.Reject(gossh.Prohibited, "")
	}
	for range 20 {
		receive(t, opens) // and is never answered: the end of the connection has to do
	}
	c.Close()
	s.wait(t)
}

func TestListeningThatMayNotBeIsRefused(t *testing.T) {
	busy, _ := listener(t)
	h, target := newPortHost(t)
	h.cfg.MaxListeners = 2
	target.listen = func(host string, port uint16) (net.Listener, error) {
		if port == 80 {
			return nil, fmt.Errorf("port 80 is reserved for root: %w", fs.ErrPermission)
		}
		return net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	}
	c, _ := h.dial("app")
	for name, payload := range map[string][]byte{
		"in use": encode("localhost", busy), "reserved": encode("localhost", 80), "no port": encode("localhost", 65536),
		"no address": encode("a b", 0), "a socket": encode("/run/x", 0), "nothing": nil, "too much": append(encode("localhost", 0), 0),
	} {
		if ok, _, err := c.SendRequest("tcpip-forward", true, payload); ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	askToListen(t, c, "localhost", 0)
	port := askToListen(t, c, "localhost", 0)
	if ok, _, _ := c.SendRequest("tcpip-forward", true, encode("localhost", 0)); ok {
		t.Error("a third listener was allowed of two")
	}
	c.SendRequest("cancel-tcpip-forward", true, encode("localhost", port))
	askToListen(t, c, "localhost", 0)
}

func TestGrantWithoutRemoteForwardListensToNothing(t *testing.T) {
	h, target := newPortHost(t)
	h.grant.Features = []api.Feature{api.FeatureShell, api.FeatureLocalForward, api.FeatureAgentForward, api.FeatureX11Forward}
	c, _ := h.dial("app")
	if ok, _, _ := c.SendRequest("tcpip-forward", true, encode("localhost", 0)); ok || len(target.asked) != 0 {
		t.Errorf("accepted: %v; the target was asked %q", ok, target.asked)
	}
}

func TestTargetThatCannotListenRefuses(t *testing.T) {
	h := newHost(t)
	h.grant.Features = api.AllFeatures()
	c, _ := h.dial("app")
	if ok, _, _ := c.SendRequest("tcpip-forward", true, encode("localhost", 0)); ok {
		t.Error("accepted")
	}
}

// badListener fails to accept as often as it is told, and then accepts.
type badListener struct {
	net.Listener
	mu   sync.Mutex
	left int
}

func (b *badListener) Accept() (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left > 0 {
		b.left--
		return nil, errors.New("too many open files")
	}
	return b.Listener.Accept()
}

func TestListenerSurvivesFailuresToAccept(t *testing.T) {
	h, target := newPortHost(t)
	target.listen = func(host string, port uint16) (net.Listener, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		return &badListener{Listener: l, left: 2}, err
	}
	c, _ := h.dial("app")
	opens := c.HandleChannelOpen("forwarded-tcpip")
	dialPort(t, askToListen(t, c, "localhost", 0))
	receive(t, opens).Reject(gossh.Prohibited, "")
}

func TestWhyNothingListensIsToldOnATerminalOnly(t *testing.T) {
	h, _ := newPortHost(t)
	busy, _ := listener(t)
	c, _ := h.dial("app")
	c.SendRequest("tcpip-forward", true, encode("localhost", busy))
	if r := run(t, c, "true", ""); r.stderr != "" {
		t.Errorf("without a terminal: %q", r.stderr)
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.RequestPty("xterm", 24, 80, nil); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	s.Stderr = &stderr
	s.Run("true")
	if want := fmt.Sprintf("switchyard: nothing listens on port %d: it is in use", busy); !strings.Contains(stderr.String(), want) {
		t.Errorf("stderr is %q, want it to hold %q", stderr.String(), want)
	}
}

// TestCommandFindsThePortsThatWereAskedForBefore has a target that takes its time to listen.
func TestCommandFindsThePortsThatWereAskedForBefore(t *testing.T) {
	bash := tool(t, "bash") // which has /dev/tcp
	h, target := newPortHost(t)
	listening, proceed := newGate(), newGate()
	port := ports.Free(t)
	target.listen = func(string, uint16) (net.Listener, error) {
		listening.open()
		proceed.wait(t)
		return net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	}
	h.target.accounts["app"] = Account{Name: "app", User: "app", Home: "/", Shell: bash}
	c, _ := h.dial("app")
	opens := c.HandleChannelOpen("forwarded-tcpip")
	c.SendRequest("tcpip-forward", false, encode("localhost", port))
	c.SendRequest("keepalive@openssh.com", false, nil)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Start(fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d", port)); err != nil {
		t.Fatal(err)
	}
	listening.wait(t)
	if n := len(h.target.commandsSoFar()); n != 0 {
		t.Errorf("%d commands were started before the port listens", n)
	}
	proceed.open()
	if err := s.Wait(); err != nil {
		t.Errorf("the command found no port: %v", err)
	}
	receive(t, opens).Reject(gossh.Prohibited, "")
}

// sshInBackground runs ssh until the test ends.
func (h *host) sshInBackground(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := h.ssh(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

func TestOpenSSHForwardsARemotePort(t *testing.T) {
	h, _ := newPortHost(t)
	local, accepted := listener(t)
	port := ports.Free(t)
	h.sshInBackground(t, "-N", "-R", fmt.Sprintf("%d:127.0.0.1:%d", port, local), "web")
	var inside net.Conn
	eventually(t, "the port", func() (ok bool) {
		var err error
		inside, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		return err == nil
	})
	defer inside.Close()
	near := receive(t, accepted)
	defer near.Close()
	io.WriteString(inside, "question")
	inside.(*net.TCPConn).CloseWrite()
	if got := readAll(t, near); got != "question" {
		t.Errorf("the client's end got %q", got)
	}
	io.WriteString(near, "answer")
	near.Close()
	if got := readAll(t, inside); got != "answer" {
		t.Errorf("the inside got %q", got)
	}
}

func TestOpenSSHIsGivenAFreePortAndCancelsIt(t *testing.T) {
	h, target := newPortHost(t)
	socket := filepath.Join(t.TempDir(), "mux")
	options := h.sshOptions(t, h.listen(t))
	ssh := func(args ...string) *exec.Cmd {
		return exec.Command(openSSH(t), append(append(slices.Clone(options), "-S", socket), args...)...)
	}
	master := ssh("-M", "-N", "web")
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the master", func() bool { return ssh("-O", "check", "web").Run() == nil })
	local, accepted := listener(t)
	spec := fmt.Sprintf("0:127.0.0.1:%d", local)
	out, err := ssh("-O", "forward", "-R", spec, "web").Output()
	var port int
	if _, scanErr := fmt.Sscan(string(out), &port); err != nil || scanErr != nil {
		t.Fatalf("ssh said %q, %v", out, err)
	}
	inside := dialPort(t, port)
	near := receive(t, accepted)
	defer near.Close()
	// Older clients know such a forward by port 0 only, and say of the other with status 0 that there is none.
	for _, p := range []int{port, 0} {
		ssh("-O", "cancel", "-R", fmt.Sprintf("%d:127.0.0.1:%d", p, local), "web").Run()
	}
	eventually(t, "the listener's end", func() bool { return target.listeners() == 0 })
	io.WriteString(inside, "goes on")
	inside.CloseWrite()
	if got := readAll(t, near); got != "goes on" {
		t.Errorf("the connection from before carries %q", got)
	}
	if err := ssh("-O", "exit", "web").Run(); err != nil {
		t.Error(err)
	}
	master.Wait()
}

func TestOpenSSHIsToldThatAPortIsInUse(t *testing.T) {
	h, _ := newPortHost(t)
	busy, _ := listener(t)
	_, stderr, status := outcome(t, h.ssh(t, "-o", "ExitOnForwardFailure=yes", "-R", fmt.Sprintf("%d:127.0.0.1:1", busy), "web", "true"))
	if status != 255 || !strings.Contains(stderr, fmt.Sprintf("remote port forwarding failed for listen port %d", busy)) {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// TestConnectionsFromInsideAtTheEndLeaveNothing ends connections while channels are being opened on them. That no goroutine is
// left is for the check at the end of all tests.
func TestConnectionsFromInsideAtTheEndLeaveNothing(t *testing.T) {
	for range 20 {
		h, _ := newPortHost(t)
		c, s := h.dial("app")
		opens := c.HandleChannelOpen("forwarded-tcpip")
		port := askToListen(t, c, "localhost", 0)
		var dialling sync.WaitGroup
		for range 20 {
			dialling.Go(func() {
				if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
					io.Copy(io.Discard, conn)
					conn.Close()
				}
			})
		}
		receive(t, opens) // and is not answered
		dialling.Go(func() {
			for range opens {
			}
		})
		s.conn.Close()
		s.wait(t)
		dialling.Wait()
	}
}
