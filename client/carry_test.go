// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"switchyard/client/clienttest"
	"switchyard/upgrade"
)

// eachTransport runs f on both ends of a connection of each kind that Carry meets.
func eachTransport(t *testing.T, f func(t *testing.T, ours, theirs *upgrade.Conn)) {
	for name, wrap := range map[string]func(t *testing.T, a, b net.Conn) (net.Conn, net.Conn){
		"tcp": func(_ *testing.T, a, b net.Conn) (net.Conn, net.Conn) { return a, b },
		"tls": tlsPair,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := tcpPair(t)
			a, b = wrap(t, a, b)
			f(t, upgrade.NewConn(a, nil), upgrade.NewConn(b, nil))
		})
	}
}

func tcpPair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	for _, c := range []net.Conn{a, b} {
		c.SetDeadline(time.Now().Add(2 * time.Minute)) // a test that hangs must fail
	}
	return a, b
}

func tlsPair(t *testing.T, a, b net.Conn) (net.Conn, net.Conn) {
	t.Helper()
	authority, err := clienttest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Issue(time.Hour, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	client := tls.Client(a, &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true})
	server := tls.Server(b, &tls.Config{Certificates: []tls.Certificate{cert}})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	return client, server
}

func TestCarryMovesEveryByteBothWays(t *testing.T) {
	eachTransport(t, func(t *testing.T, ours, theirs *upgrade.Conn) {
		up, down := make([]byte, 3<<20+17), make([]byte, 2<<20+5)
		rand.Read(up)
		rand.Read(down)
		got := make(chan []byte, 1)
		go func() {
			b, _ := io.ReadAll(theirs) // its end is ours
			got <- b
			theirs.Write(down)
			theirs.CloseWrite()
		}()
		var out bytes.Buffer
		if err := Carry(ours, bytes.NewReader(up), &out); err != nil {
			t.Fatal(err)
		}
		if b := <-got; !bytes.Equal(b, up) {
			t.Errorf("%d bytes went up as %d others", len(up), len(b))
		}
		if !bytes.Equal(out.Bytes(), down) {
			t.Errorf("%d bytes came down as %d others", len(down), out.Len())
		}
	})
}

func TestCarryReturnsAtTheControllersEndThoughInputIsOpen(t *testing.T) {
	eachTransport(t, func(t *testing.T, ours, theirs *upgrade.Conn) {
		in, closeIn := io.Pipe()
		defer closeIn.Close()
		io.WriteString(theirs, "bye")
		theirs.CloseWrite()
		var out bytes.Buffer
		if err := Carry(ours, in, &out); err != nil || out.String() != "bye" {
			t.Errorf("%q, %v", out.String(), err)
		}
	})
}

func TestCarryDeliversWhatCameWithTheHead(t *testing.T) {
	a, b := tcpPair(t)
	b.Close()
	var out bytes.Buffer
	if err := Carry(upgrade.NewConn(a, []byte("early")), strings.NewReader(""), &out); err != nil || out.String() != "early" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestCarryTellsThatTheConnectionBroke(t *testing.T) {
	a, b := tcpPair(t)
	b.(*net.TCPConn).SetLinger(0) // closing sends RST
	b.Close()
	err := Carry(upgrade.NewConn(a, nil), strings.NewReader("x"), io.Discard)
	if err == nil || err.Error() != "the connection broke: connect again" {
		t.Error(err)
	}
}

func TestCarryTellsThatTheConnectionBrokeWhenAWriteMetTheReset(t *testing.T) {
	for range 30 { // whether the write or the read meets it is a race
		a, b := tcpPair(t)
		written := make(chan struct{})
		in := io.MultiReader(strings.NewReader("x"), waitReader(written), strings.NewReader("y"))
		go func() {
			b.Read(make([]byte, 1))
			b.(*net.TCPConn).SetLinger(0)
			b.Close()
			close(written)
		}()
		if err := Carry(upgrade.NewConn(a, nil), in, io.Discard); err == nil || err.Error() != "the connection broke: connect again" {
			t.Fatal(err)
		}
	}
}

// TestCarryTakesAnEndInOrderForOneThoughInputFlows: the write that meets the end gets EPIPE.
func TestCarryTakesAnEndInOrderForOneThoughInputFlows(t *testing.T) {
	for range 30 {
		a, b := tcpPair(t)
		go func() {
			b.Read(make([]byte, 1))
			b.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, b)
		}()
		if err := Carry(upgrade.NewConn(a, nil), neverEnding{}, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
}

// waitReader has nothing to read, and says so when the channel is closed.
type waitReader <-chan struct{}

func (r waitReader) Read([]byte) (int, error) {
	<-r
	return 0, io.EOF
}

func TestCarryEndsWhenNobodyReadsItsOutput(t *testing.T) {
	ours, theirs := tcpPair(t)
	go io.Copy(theirs, neverEnding{})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	if err := Carry(upgrade.NewConn(ours, nil), strings.NewReader(""), w); err != nil {
		t.Error(err)
	}
}

func TestCarryTellsThatItsOutputFailed(t *testing.T) {
	ours, theirs := tcpPair(t)
	go io.Copy(theirs, neverEnding{})
	r, w := io.Pipe()
	r.CloseWithError(errors.New("no space left"))
	err := Carry(upgrade.NewConn(ours, nil), strings.NewReader(""), w)
	if err == nil || err.Error() != "writing standard output: no space left" {
		t.Error(err)
	}
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) { return len(p), nil }

// TestCarryNoticesThatSSHIsGoneThoughNothingComes is about an ssh that was killed while the container
// was silent: both of its pipes are closed, and no write will ever tell.
func TestCarryNoticesThatSSHIsGoneThoughNothingComes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("this system cannot tell that a pipe has lost its reader")
	}
	eachTransport(t, func(t *testing.T, ours, theirs *upgrade.Conn) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		done := make(chan error, 1)
		go func() { done <- Carry(upgrade.NewConn(ours, nil), strings.NewReader(""), w) }()
		io.Copy(io.Discard, theirs) // our end has been passed on
		select {
		case err := <-done:
			t.Fatalf("ended at the end of its input alone: %v", err)
		default:
		}
		r.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestDialEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	e, err := ParseEndpoint("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Endpoint: e})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Read(make([]byte, 1)) // the request is there, and is never answered
		cancel()
		io.Copy(io.Discard, conn)
	}()
	if _, err := c.Dial(ctx, "web", ""); ExitCode(err) != ExitUnreachable || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
