// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package inside

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"switchyard/runner/netns"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// loopback is where everything here listens: nothing but the container's own network namespace reaches it.
var loopback = netip.MustParseAddr("127.0.0.1")

// Serve listens on a port of the container's loopback until the test ends, and gives each connection to serve, on a
// goroutine of its own. It closes the connection behind it, and at the test's end whichever it still has. The adjustments
// are made to the listener, from which each connection inherits socket options.
func Serve(tb testing.TB, c *world.Container, serve func(*net.TCPConn), adjust ...func(*net.TCPListener) error) (port int) {
	tb.Helper()
	l, err := enter(tb, c).Listen("tcp4", netip.AddrPortFrom(loopback, 0))
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range adjust {
		if err := f(l.(*net.TCPListener)); err != nil {
			tb.Fatal(err)
		}
	}
	s := &server{l: l, serve: serve, open: map[net.Conn]bool{}}
	s.serving.Go(s.run)
	tb.Cleanup(s.end)
	return l.Addr().(*net.TCPAddr).Port
}

// server is what Serve has begun.
type server struct {
	l       net.Listener
	serve   func(*net.TCPConn)
	serving sync.WaitGroup

	mu    sync.Mutex // guards what follows
	ended bool
	open  map[net.Conn]bool
}

func (s *server) run() {
	for {
		conn, err := s.l.Accept()
		if err != nil {
			return
		}
		s.hold(conn, true)
		s.serving.Go(func() {
			defer s.hold(conn, false)
			defer conn.Close()
			s.serve(conn.(*net.TCPConn))
		})
	}
}

func (s *server) hold(conn net.Conn, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open {
		s.open[conn] = true
	} else {
		delete(s.open, conn)
	}
	if s.ended {
		conn.Close()
	}
}

func (s *server) end() {
	s.l.Close()
	s.mu.Lock()
	s.ended = true
	for conn := range s.open {
		conn.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// Dial returns a function that connects to a port of the container's loopback from inside. It may be called concurrently,
// until the test ends.
func Dial(tb testing.TB, c *world.Container) func(port int) (*net.TCPConn, error) {
	tb.Helper()
	p := enter(tb, c)
	return func(port int) (*net.TCPConn, error) {
		ctx, cancel := context.WithTimeout(context.Background(), world.Deadline)
		defer cancel()
		conn, err := p.DialContext(ctx, "tcp", netip.AddrPortFrom(loopback, uint16(port)))
		if err != nil {
			return nil, err
		}
		return conn.(*net.TCPConn), nil
	}
}

// enter holds the container's main process until the test ends.
func enter(tb testing.TB, c *world.Container) *netns.Process {
	tb.Helper()
	rig.NeedRoot(tb)
	p, err := netns.Open(c.PID(tb))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { p.Close() })
	return p
}
