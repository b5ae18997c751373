// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// bufferSize is the copy buffer of one direction where the kernel cannot move the bytes itself: the records that a
// Batch reads and writes together.
const bufferSize = 64 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// Joint is two connections joined by Join. Its counters may be read while Join runs.
type Joint struct {
	a, b *Conn
	aToB atomic.Int64
	bToA atomic.Int64
}

// NewJoint prepares a and b to be joined.
func NewJoint(a, b *Conn) *Joint { return &Joint{a: a, b: b} }

// AToB is the number of bytes moved from a to b so far. While the kernel moves them, they are
// counted at the end of the direction.
func (j *Joint) AToB() int64 { return j.aToB.Load() }

// BToA is the number of bytes moved from b to a so far.
func (j *Joint) BToA() int64 { return j.bToA.Load() }

// Close closes both connections, which makes Run return. It may be called at any time, repeatedly.
func (j *Joint) Close() error { return errors.Join(j.a.Close(), j.b.Close()) }

// Run moves bytes both ways until each direction has come to its end. A direction's end is passed on
// by half-closing the other side; a direction's failure closes both, since neither peer can be told
// what is lost. Both connections are closed when Run returns. The error is the first failure, nil
// when both directions ended in good order. It runs until then without any timeout: the caller sets
// KeepAlive on the connections and calls Close to end it.
func (j *Joint) Run() error {
	var (
		first error
		once  sync.Once
		done  = make(chan struct{})
	)
	fail := func(err error) {
		if err != nil {
			once.Do(func() { first = err; j.Close() })
		}
	}
	go func() {
		defer close(done)
		fail(move(j.b, j.a, &j.aToB))
	}()
	fail(move(j.a, j.b, &j.bToA))
	<-done
	j.Close()
	return first
}

// move copies src to its end into dst and half-closes dst.
func move(dst, src *Conn, count *atomic.Int64) error {
	if early := src.takeEarly(); len(early) > 0 {
		n, err := dst.Write(early)
		count.Add(int64(n))
		if err != nil {
			return err
		}
	}
	if err := moveRest(dst, src, count); err != nil {
		return err
	}
	if err := dst.CloseWrite(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func moveRest(dst, src *Conn, count *atomic.Int64) error {
	if kernelMoves(dst.Conn, src.Conn) {
		n, err := io.Copy(dst.Conn, src.Conn)
		count.Add(n)
		return err
	}
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	_, err := io.CopyBuffer(counter{dst, count}, onlyReader{src}, buf[:])
	return err
}

// kernelMoves tells whether io.Copy uses splice(2): both ends are sockets without a layer above them.
func kernelMoves(dst, src net.Conn) bool { return isSocket(dst) && isSocket(src) }

func isSocket(c net.Conn) bool {
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// onlyReader hides WriteTo, which would leave our buffer unused.
type onlyReader struct{ io.Reader }

// counter counts what has been written, and hides ReadFrom.
type counter struct {
	w io.Writer
	n *atomic.Int64
}

func (c counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n.Add(int64(n))
	return n, err
}
