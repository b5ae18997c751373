// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"

	"switchyard/upgrade"
)

const (
	// upBuffer is the capacity of a Linux pipe, which ssh fills when it uploads.
	upBuffer = 64 << 10
	// downBuffer takes the TLS records that have come together.
	downBuffer = 64 << 10
)

// Carry moves bytes from in to conn and from conn to out, each direction to its own end. The end of in
// half-closes conn; Carry returns when conn has ended, or when nobody reads out any more: ssh closes
// its pipes when it is done, so that neither is an error. It closes conn.
//
// The goroutine that reads in outlives Carry until that read returns: a blocked read of standard
// input cannot be interrupted, and the process that Carry serves exits after it.
func Carry(conn *upgrade.Conn, in io.Reader, out io.Writer) error {
	defer conn.Close()
	watch := watchReader(out, conn)
	defer watch.stop()
	up := &upWriter{conn: conn}
	go func() {
		if carryUp(up, in) == nil {
			// From here on only a write could tell that ssh is gone, and there may never be one.
			watch.start()
		}
	}()
	err := carryDown(out, conn)
	if watch.fired() {
		return nil
	}
	conn.Close() // ends a write that is under way, whose outcome up.reset waits for
	if err == nil && up.reset() {
		return errBroke
	}
	return err
}

func carryUp(up *upWriter, in io.Reader) error {
	if _, err := io.CopyBuffer(up, onlyReader{in}, make([]byte, upBuffer)); err != nil {
		// The other direction meets the same failure and reports it, or finds it in up.
		return err
	}
	return up.conn.CloseWrite()
}

var errBroke = errors.New("the connection broke: connect again")

// upWriter remembers that a write met a reset: the kernel tells of a reset once, and a read that comes after
// that write sees an ordinary end. (A peer that ended the connection in order makes a later write fail with
// EPIPE, not ECONNRESET: RFC 9293 section 3.10.7.4 and tcp(7).) It hides ReadFrom, which would leave the
// buffer unused.
type upWriter struct {
	conn *upgrade.Conn

	mu       sync.Mutex // held while a write is under way
	wasReset bool
}

func (w *upWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.conn.Write(p)
	w.wasReset = w.wasReset || errors.Is(err, syscall.ECONNRESET)
	return n, err
}

func (w *upWriter) reset() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wasReset
}

func carryDown(out io.Writer, conn *upgrade.Conn) error {
	dst := &outputWriter{w: out}
	_, err := io.CopyBuffer(dst, onlyReader{conn}, make([]byte, downBuffer))
	switch {
	case err == nil:
		return nil
	case dst.failed && readerGone(err):
		return nil
	case dst.failed:
		return fmt.Errorf("writing standard output: %v", innermost(err))
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrUnexpectedEOF):
		return errBroke
	case errors.Is(err, syscall.ETIMEDOUT):
		return errors.New("the controller has gone silent: check the network and connect again")
	}
	return fmt.Errorf("the connection broke: %v", innermost(err))
}

// outputWriter remembers that it was the output that failed, and hides ReadFrom: what comes is in
// user space already, having been decrypted there.
type outputWriter struct {
	w      io.Writer
	failed bool
}

func (o *outputWriter) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.failed = o.failed || err != nil
	return n, err
}

// onlyReader hides WriteTo, which would leave the buffers unused.
type onlyReader struct{ io.Reader }
