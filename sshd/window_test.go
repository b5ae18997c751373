// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	gossh "golang.org/x/crypto/ssh"
)

// libraryPair is a connection of the library's alone.
func libraryPair(t *testing.T) (client *gossh.Client, opens <-chan gossh.NewChannel) {
	t.Helper()
	near, far := memoryPair()
	signer := newSigner(t)
	server := &gossh.ServerConfig{NoClientAuth: true}
	server.AddHostKey(signer)
	accepted := make(chan (<-chan gossh.NewChannel))
	var serving sync.WaitGroup
	serving.Go(func() {
		conn, chans, requests, err := gossh.NewServerConn(far, server)
		if err != nil {
			t.Error(err)
			close(accepted)
			return
		}
		serving.Go(func() { gossh.DiscardRequests(requests) })
		accepted <- chans
		conn.Wait()
	})
	conn, chans, requests, err := gossh.NewClientConn(near, "", &gossh.ClientConfig{HostKeyCallback: gossh.FixedHostKey(signer.PublicKey())})
	if err != nil {
		t.Fatal(err)
	}
	client = gossh.NewClient(conn, chans, requests)
	t.Cleanup(func() { client.Close(); client.Wait(); serving.Wait() })
	return client, <-accepted
}

// window is what the other end may still be sent on a channel, which the library does not tell.
func window(t *testing.T, ch gossh.Channel) int {
	t.Helper()
	win := field(reflect.ValueOf(ch), "remoteWin")
	if !win.IsValid() {
		t.Fatal("the library's channel has no remoteWin any more: find out what else has changed")
	}
	cond := *(**sync.Cond)(unsafe.Pointer(win.FieldByName("Cond").UnsafeAddr()))
	cond.L.Lock()
	defer cond.L.Unlock()
	return int(win.FieldByName("win").Uint())
}

// TestNoWindowStallsATransfer sends through windows of all sizes that make the library's rule for giving back what was read
// decide otherwise.
func TestNoWindowStallsATransfer(t *testing.T) {
	const packet = 32 << 10
	for _, size := range []int{1, 2, 1000, smallWindow, packet - 1, packet, packet + 1, 3 * packet, 3*packet + 1, libraryWindow / 2,
		libraryWindow - 3*packet - 1, libraryWindow - 3*packet, libraryWindow - 3*packet + 1, libraryWindow - 1, libraryWindow} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			client, opens := libraryPair(t)
			var echoing sync.WaitGroup
			defer echoing.Wait()
			echoing.Go(func() {
				open := <-opens
				setWindow(open, size)
				ch, requests, err := open.Accept()
				if err != nil {
					t.Error(err)
					return
				}
				go gossh.DiscardRequests(requests)
				pumpBy(chunks{ch}, ch, bufferFor(size))
				ch.Close()
			})
			ch, requests, err := client.OpenChannel("x", nil)
			if err != nil {
				t.Fatal(err)
			}
			go gossh.DiscardRequests(requests)
			if got := window(t, ch); got != size {
				t.Errorf("the window is %d bytes, want %d", got, size)
			}
			sent := bytes.Repeat([]byte("0123456789abcdef"), min(3*size+packet, 3*libraryWindow)/16)
			if size < 1000 {
				sent = sent[:1000]
			}
			go func() { ch.Write(sent); ch.CloseWrite() }()
			if got := readAll(t, ch); got != string(sent) {
				t.Errorf("%d bytes came back of %d", len(got), len(sent))
			}
		})
	}
}

// stalledConn takes no data until it is closed, and has none.
type stalledConn struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
}

func newStalledConn() *stalledConn { return &stalledConn{closed: make(chan struct{})} }

func (s *stalledConn) Read([]byte) (int, error)  { <-s.closed; return 0, net.ErrClosed }
func (s *stalledConn) Write([]byte) (int, error) { <-s.closed; return 0, net.ErrClosed }
func (s *stalledConn) Close() error              { s.once.Do(func() { close(s.closed) }); return nil }
func (s *stalledConn) RemoteAddr() net.Addr      { return &net.TCPAddr{} }

// TestWindowsStayWithinTheBudget has a client send all that it may on as many channels as it may have, to places that
// take none of it.
func TestWindowsStayWithinTheBudget(t *testing.T) {
	const channels = 300
	h := newHost(t)
	h.cfg.MaxChannels, h.cfg.MaxUnread = channels, 8<<20
	h.target.dial = func(context.Context, string, uint16) (net.Conn, error) { return newStalledConn(), nil }
	c, s := h.dial("app")
	var open []gossh.Channel
	promised, copying := 0, 0
	for range channels {
		ch, requests, err := c.OpenChannel("direct-tcpip", encode("x", 1, "", 0))
		if err != nil {
			t.Fatal(err)
		}
		go gossh.DiscardRequests(requests)
		open = append(open, ch)
		promised += window(t, ch)
		copying += bufferFor(window(t, ch))
	}
	if budget := h.cfg.MaxUnread; promised > budget || promised < budget/2 {
		t.Errorf("%d bytes are promised, want %d, but not much less", promised, budget)
	}
	if first, last := window(t, open[0]), window(t, open[channels-1]); first < 10*last || last < smallWindow {
		t.Errorf("the first window has %d bytes, the last one %d", first, last)
	}
	var sent atomic.Int64
	var writing sync.WaitGroup
	for _, ch := range open {
		writing.Go(func() {
			for chunk := make([]byte, 1024); ; {
				n, err := ch.Write(chunk)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
	}
	eventually(t, "all windows to be used up", func() bool {
		left := 0
		for _, ch := range open {
			left += window(t, ch)
		}
		return left == 0
	})
	// What a copy has read of its channel is given back, before it finds that nobody takes it.
	if got := int(sent.Load()); got > promised+2*copying {
		t.Errorf("the server took %d bytes, want at most %d", got, promised+2*copying)
	}
	if _, _, err := c.OpenChannel("direct-tcpip", encode("x", 1, "", 0)); err == nil {
		t.Error("one more channel than there may be was opened")
	}
	c.Close()
	s.wait(t)
	writing.Wait()
}

func TestWindowsAreGivenBack(t *testing.T) {
	cfg := Config{MaxChannels: 10, MaxUnread: 4 << 20}
	w := newWindows(&cfg)
	free := w.free
	for range 3 {
		var taken []int
		for range cfg.MaxChannels {
			taken = append(taken, w.take())
		}
		for _, n := range taken {
			w.give(n)
		}
		if w.free != free {
			t.Errorf("%d bytes are free, %d were", w.free, free)
		}
	}
}

// pipeListener hands out connections as if they had come in.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{Port: 4000} }

// TestOpenedChannelHasTheWindowThatItWasGiven is about the channels that this end opens.
func TestOpenedChannelHasTheWindowThatItWasGiven(t *testing.T) {
	const conns = 40
	h, target := newPortHost(t)
	h.cfg.MaxChannels, h.cfg.MaxUnread = 100, 8<<20
	l := newPipeListener()
	target.listen = func(string, uint16) (net.Listener, error) { return l, nil }
	c, s := h.dial("app")
	opens := c.HandleChannelOpen("forwarded-tcpip")
	askToListen(t, c, "localhost", 0)
	want := newWindows(&h.cfg)
	var sent atomic.Int64
	var writing sync.WaitGroup
	promised := 0
	for range conns {
		l.conns <- newStalledConn()
		ch, requests, err := receive(t, opens).Accept()
		if err != nil {
			t.Fatal(err)
		}
		go gossh.DiscardRequests(requests)
		size := want.take()
		if got := window(t, ch); got != size {
			t.Errorf("the window is %d bytes, want %d", got, size)
		}
		promised += size + 2*bufferFor(size)
		writing.Go(func() {
			for chunk := make([]byte, 1024); ; {
				n, err := ch.Write(chunk)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
	}
	if r := run(t, c, "echo here", ""); r.stdout != "here\n" {
		t.Errorf("beside them a command gives %+v", r)
	}
	c.Close()
	s.wait(t)
	writing.Wait()
	if got := int(sent.Load()); got > promised || promised > 2*h.cfg.MaxUnread {
		t.Errorf("the server took %d bytes, want at most %d", got, promised)
	}
}

// TestForwardsFromInsideThatAreReadAreNotHeldUpByTheirWindows sends more than the budget through them.
func TestForwardsFromInsideThatAreReadAreNotHeldUpByTheirWindows(t *testing.T) {
	h, _ := newPortHost(t)
	h.cfg.MaxChannels, h.cfg.MaxUnread = 10, 1<<20
	c, _ := h.dial("app")
	opens := c.HandleChannelOpen("forwarded-tcpip")
	port := askToListen(t, c, "localhost", 0)
	var all sync.WaitGroup
	for range 4 {
		inside := dialPort(t, port)
		ch, requests, err := receive(t, opens).Accept()
		if err != nil {
			t.Fatal(err)
		}
		go gossh.DiscardRequests(requests)
		all.Go(func() { io.Copy(ch, io.LimitReader(zeros{}, 8<<20)); ch.CloseWrite() })
		all.Go(func() {
			if n, err := io.Copy(io.Discard, inside); n != 8<<20 || err != nil {
				t.Errorf("%d bytes came through, %v", n, err)
			}
		})
	}
	all.Wait()
}
