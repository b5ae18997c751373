// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// libraryBuffer is the size of the library's write buffer. It writes a packet that is longer in two
	// parts: a full buffer, and the rest.
	libraryBuffer = 4096
	// joinTimeout is how long a full buffer may wait for the rest. Only a packet of exactly that length
	// has none, and of the ciphers that are offered few can make one.
	joinTimeout = time.Millisecond

	// maxRefusing is how many refused channels may wait for the client to take their answers before no more
	// is read of it. Each is a goroutine that holds the client's packet, of up to 256 KiB, and the frame
	// starts one for whatever channel is asked for.
	maxRefusing = 64

	// maxUnauthenticated is how much a client may send before it has authenticated, in bytes. The key exchange
	// and the authentication of any client take a tenth.
	maxUnauthenticated = 64 << 10
)

var errUnauthenticated = fmt.Errorf("the client sent more than %d bytes before it had authenticated", maxUnauthenticated)

// wire is the transport under a connection. It joins the two parts in which the library writes a long
// packet: on TLS that is two records of 16 KiB for each packet of 32 KiB instead of three, for every
// relay on the way, and half the system calls on plain TCP.
//
// It reads nothing while too many refusals wait to be sent: a client that asks for channels and takes no
// answer would have this process keep them all.
//
// It also ignores deadlines: gliderlabs/ssh sets one before every read and write, none being the zero
// one, which would cost a timer each time and undo those of the caller.
type wire struct {
	net.Conn

	mu    sync.Mutex // serialises writes; held over I/O, which Close releases
	held  []byte     // a first part, waiting for the rest
	timer *time.Timer
	err   error // of a write whose caller had been told that it was done

	reading  sync.Mutex // guards what follows; never held over I/O
	mayRead  sync.Cond  // on reading
	refusals int        // that are being sent
	closed   bool
	credit   int  // what may be read before authentication, in bytes
	trusted  bool // the client has authenticated
}

func newWire(conn net.Conn) *wire {
	w := &wire{Conn: conn, credit: maxUnauthenticated}
	w.mayRead.L = &w.reading
	w.timer = time.AfterFunc(time.Hour, w.flushLate)
	w.timer.Stop()
	return w
}

// Write writes p, or keeps it for at most joinTimeout when it looks like a first part. The library
// writes from one goroutine at a time.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	if len(w.held) == 0 && len(p) == libraryBuffer {
		w.held = append(w.held, p...)
		w.timer.Reset(joinTimeout)
		return len(p), nil
	}
	if len(w.held) == 0 {
		return w.Conn.Write(p)
	}
	w.timer.Stop()
	w.held = append(w.held, p...)
	if err := w.flush(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// flush writes what is held. Its buffer stays, of the size of the longest packet.
func (w *wire) flush() error {
	_, err := w.Conn.Write(w.held)
	w.held = w.held[:0]
	w.err = err
	return err
}

// flushLate writes a first part that was all.
func (w *wire) flushLate() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.held) > 0 && w.flush() != nil {
		w.Conn.Close()
	}
}

// Read reads from the peer, once few enough refusals wait to be sent to it.
func (w *wire) Read(p []byte) (int, error) {
	w.reading.Lock()
	for w.refusals >= maxRefusing && !w.closed {
		w.mayRead.Wait()
	}
	spent := !w.trusted && w.credit == 0
	if !w.trusted {
		p = p[:min(len(p), w.credit)]
	}
	w.reading.Unlock()
	if spent {
		return 0, errUnauthenticated
	}
	n, err := w.Conn.Read(p)
	w.spend(n)
	return n, err
}

func (w *wire) spend(n int) {
	w.reading.Lock()
	defer w.reading.Unlock()
	w.credit -= n
}

// trust says that the client has authenticated.
func (w *wire) trust() {
	w.reading.Lock()
	defer w.reading.Unlock()
	w.trusted = true
}

// refusing counts the refusals that are being sent.
func (w *wire) refusing(n int) {
	w.reading.Lock()
	defer w.reading.Unlock()
	w.refusals += n
	w.mayRead.Signal()
}

// Close closes the transport. A part that is still held is part of nothing any more.
func (w *wire) Close() error {
	w.timer.Stop()
	w.reading.Lock()
	w.closed = true
	w.mayRead.Signal()
	w.reading.Unlock()
	return w.Conn.Close()
}

func (*wire) SetDeadline(time.Time) error { return nil }
