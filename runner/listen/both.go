// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"net"
	"sync"
)

// both makes two listeners one. Its address is the first's.
type both struct {
	parts     [2]net.Listener
	accepted  chan result
	closed    chan struct{}
	close     sync.Once
	accepting sync.WaitGroup
}

type result struct {
	conn net.Conn
	err  error
}

func newBoth(a, b net.Listener) *both {
	l := &both{parts: [2]net.Listener{a, b}, accepted: make(chan result), closed: make(chan struct{})}
	for _, part := range l.parts {
		l.accepting.Go(func() { l.accept(part) })
	}
	return l
}

// accept hands over what one part accepts, and its errors, whose pace is the taker's.
func (l *both) accept(part net.Listener) {
	for {
		conn, err := part.Accept()
		select {
		case l.accepted <- result{conn, err}:
		case <-l.closed:
			if err == nil {
				conn.Close()
			}
			return
		}
	}
}

// Accept implements net.Listener.
func (l *both) Accept() (net.Conn, error) {
	select {
	case r := <-l.accepted:
		return r.conn, r.err
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// Close implements net.Listener. What was accepted and not taken is closed.
func (l *both) Close() error {
	l.close.Do(func() {
		close(l.closed)
		for _, part := range l.parts {
			part.Close()
		}
	})
	l.accepting.Wait()
	return nil
}

// Addr implements net.Listener.
func (l *both) Addr() net.Addr { return l.parts[0].Addr() }
