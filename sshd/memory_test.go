// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"io"
	"net"
	"sync"
	"time"
)

// memoryPair is a connection in memory whose writes do not wait for the other end's reads, as both ends
// of SSH begin with a write.
func memoryPair() (near, far net.Conn) {
	a, b := newMemoryWay(), newMemoryWay()
	return memoryConn{a, b}, memoryConn{b, a}
}

// memoryWay is one direction.
type memoryWay struct {
	mu     sync.Mutex
	more   sync.Cond
	data   []byte
	closed bool
}

func newMemoryWay() *memoryWay {
	w := &memoryWay{}
	w.more.L = &w.mu
	return w
}

func (w *memoryWay) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, io.ErrClosedPipe
	}
	w.data = append(w.data, p...)
	w.more.Signal()
	return len(p), nil
}

func (w *memoryWay) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.data) == 0 && !w.closed {
		w.more.Wait()
	}
	n := copy(p, w.data)
	w.data = w.data[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (w *memoryWay) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.more.Broadcast()
}

type memoryConn struct{ in, out *memoryWay }

func (c memoryConn) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c memoryConn) Write(p []byte) (int, error) { return c.out.Write(p) }

func (c memoryConn) Close() error {
	c.in.close()
	c.out.close()
	return nil
}

func (memoryConn) LocalAddr() net.Addr              { return &net.UnixAddr{Name: "near", Net: "memory"} }
func (memoryConn) RemoteAddr() net.Addr             { return &net.UnixAddr{Name: "far", Net: "memory"} }
func (memoryConn) SetDeadline(time.Time) error      { return nil }
func (memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (memoryConn) SetWriteDeadline(time.Time) error { return nil }
