// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"switchyard/api"
)

// listener is a port that hands over what is accepted.
func listener(t *testing.T) (port int, accepted <-chan *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan *net.TCPConn)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns <- conn.(*net.TCPConn)
		}
	})
	t.Cleanup(func() { l.Close(); accepting.Wait() })
	return l.Addr().(*net.TCPAddr).Port, conns
}

// forwardTo opens a forward and returns both of its ends.
func forwardTo(t *testing.T, c *gossh.Client) (gossh.Channel, *net.TCPConn) {
	t.Helper()
	port, accepted := listener(t)
	ch, reqs, err := c.OpenChannel("direct-tcpip", encode("127.0.0.1", port, "127.0.0.1", 5))
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(reqs)
	inside := receive(t, accepted)
	t.Cleanup(func() { inside.Close() })
	return ch, inside
}

func TestForwardCarriesBothWaysAndClientEOFLeavesTheOtherWayOpen(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, inside := forwardTo(t, c)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // two windows
	go func() {
		ch.Write(sent)
		ch.CloseWrite()
	}()
	if got := readAll(t, inside); got != string(sent) {
		t.Errorf("the inside got %d bytes, want %d", len(got), len(sent))
	}
	go func() {
		inside.Write(sent)
		inside.Close()
	}()
	if got := readAll(t, ch); got != string(sent) {
		t.Errorf("the client got %d bytes after its EOF, want %d", len(got), len(sent))
	}
}

func TestForwardEOFFromInsideLeavesTheOtherWayOpen(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, inside := forwardTo(t, c)
	io.WriteString(inside, "bye")
	inside.CloseWrite()
	if got := readAll(t, ch); got != "bye" {
		t.Errorf("the client got %q", got)
	}
	io.WriteString(ch, "still there?")
	ch.CloseWrite()
	if got := readAll(t, inside); got != "still there?" {
		t.Errorf("the inside got %q after its EOF", got)
	}
}

func TestForwardThatIsClosedRightBehindItsDataDeliversIt(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, inside := forwardTo(t, c)
	sent := bytes.Repeat([]byte("x"), 1<<20)
	ch.Write(sent)
	ch.Close()
	if got := readAll(t, inside); len(got) != len(sent) {
		t.Errorf("the inside got %d bytes, want %d", len(got), len(sent))
	}
}

func TestForwardResetFromInsideClosesTheChannelWithoutEOF(t *testing.T) {
	c, _ := newHost(t).dial("app")
	port, accepted := listener(t)
	ch, reqs, err := c.OpenChannel("direct-tcpip", encode("127.0.0.1", port, "127.0.0.1", 5))
	if err != nil {
		t.Fatal(err)
	}
	inside := receive(t, accepted)
	inside.SetLinger(0)
	inside.Close()
	for range reqs { // until the close
	}
	if _, err := ch.Write([]byte("x")); err == nil {
		t.Error("the channel still takes data")
	}
}

func TestStalledForwardStallsNoOther(t *testing.T) {
	c, _ := newHost(t).dial("app")
	stuckOut, _ := forwardTo(t, c) // its client does not read
	_, insideOut := forwardTo(t, c)
	go io.Copy(insideOut, zeros{})
	stuckIn, _ := forwardTo(t, c) // its inside does not read
	if _, err := stuckIn.Write(make([]byte, 2<<20)); err != nil {
		t.Fatal(err)
	}
	ch, inside := forwardTo(t, c)
	sent := strings.Repeat("y", 8<<20)
	go func() { io.WriteString(inside, sent); inside.Close() }()
	if got := readAll(t, ch); got != sent {
		t.Errorf("got %d bytes beside a stalled forward", len(got))
	}
	stuckOut.Close()
}

func TestManyForwardsAtOnce(t *testing.T) {
	h := newHost(t)
	h.target.dial = func(context.Context, string, uint16) (net.Conn, error) {
		near, far := tcpPair(t)
		go func() { io.Copy(far, far); far.(*net.TCPConn).CloseWrite(); far.Close() }()
		return near, nil
	}
	c, _ := h.dial("app")
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			ch, _, err := c.OpenChannel("direct-tcpip", encode("x", 1, "", 0))
			if err != nil {
				t.Error(err)
				return
			}
			sent := strings.Repeat(itoa(i), 50000)
			go func() { io.WriteString(ch, sent); ch.CloseWrite() }()
			if got, _ := io.ReadAll(ch); string(got) != sent {
				t.Errorf("forward %d: got %d bytes, want %d", i, len(got), len(sent))
			}
		})
	}
	all.Wait()
}

func TestForwardToWhatIsNoPlaceIsRefused(t *testing.T) {
	h := newHost(t)
	h.target.dial = func(_ context.Context, host string, _ uint16) (net.Conn, error) {
		t.Errorf("%q was dialled", host)
		return nil, errors.New("no")
	}
	c, _ := h.dial("app")
	for says, payload := range map[string][]byte{
		"malformed":                        nil,
		"is malformed":                     encode("localhost", 80, "127.0.0.1"),
		"request is malformed":             append(encode("localhost", 80, "127.0.0.1", 5), 0),
		"there is no port 0":               encode("localhost", 0, "127.0.0.1", 5),
		"there is no port 65536":           encode("localhost", 65536, "127.0.0.1", 5),
		`"" is not a host name`:            encode("", 80, "127.0.0.1", 5),
		`"a\x00b" is not a host name`:      encode("a\x00b", 80, "127.0.0.1", 5),
		`"a\nb" is not`:                    encode("a\nb", 80, "127.0.0.1", 5),
		`"a b" is not`:                     encode("a b", 80, "127.0.0.1", 5),
		`"[::1]" is not`:                   encode("[::1]", 80, "127.0.0.1", 5),
		`"/run/x.sock" is not`:             encode("/run/x.sock", 80, "127.0.0.1", 5),
		`"\xff" is not`:                    encode("\xff", 80, "127.0.0.1", 5),
		`x"... is not a host name or an a`: encode(strings.Repeat("x", 300), 80, "127.0.0.1", 5),
	} {
		refusedChannel(t, c, "direct-tcpip", payload, gossh.ConnectionFailed, says)
	}
}

func TestFailedDialIsToldInPlainWords(t *testing.T) {
	for want, err := range map[string]error{
		"connection refused":         &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED},
		"no route to host":           syscall.EHOSTUNREACH,
		"network is unreachable":     syscall.ENETUNREACH,
		"connection timed out":       context.DeadlineExceeded,
		`the name "db" is not known`: &net.DNSError{Name: "db", Server: "10.0.0.1", IsNotFound: true},
		"the connection failed":      errors.New("secret at 10.0.0.1"),
	} {
		h := newHost(t)
		h.target.dial = func(context.Context, string, uint16) (net.Conn, error) { return nil, err }
		c, _ := h.dial("app")
		refusedChannel(t, c, "direct-tcpip", encode("db", 80, "127.0.0.1", 5), gossh.ConnectionFailed, want)
	}
}

func TestAJumpToAContainersOwnNameSaysHowToReachIt(t *testing.T) {
	h := newHost(t)
	h.target.dial = func(_ context.Context, host string, _ uint16) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	c, _ := h.dial("app")
	const hint = " here: every container is reached by the controller, without a jump (-J)"
	for host, says := range map[string]string{"db.switchyard": hint, "db.shop.SwitchYard.": hint, "db.switchyard.test": "", "switchyard": ""} {
		_, _, err := c.OpenChannel("direct-tcpip", encode(host, 22, "127.0.0.1", 5))
		var refused *gossh.OpenChannelError
		if want := "the name " + quote(host) + " is not known" + says; !errors.As(err, &refused) || refused.Message != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestGrantWithoutLocalForwardRefusesForwards(t *testing.T) {
	h := newHost(t)
	h.grant.Features = []api.Feature{api.FeatureShell}
	c, _ := h.dial("app")
	refusedChannel(t, c, "direct-tcpip", encode("127.0.0.1", 80, "", 0), gossh.Prohibited, `you may not forward ports of container "web"`)
}

func TestDialThatNeverAnswersTimesOut(t *testing.T) {
	h := newHost(t)
	h.cfg.DialTimeout = 1
	h.target.dial = func(ctx context.Context, _ string, _ uint16) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	c, _ := h.dial("app")
	refusedChannel(t, c, "direct-tcpip", encode("127.0.0.1", 80, "", 0), gossh.ConnectionFailed, "timed out")
}
