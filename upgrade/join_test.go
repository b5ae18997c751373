// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// scripted is a connection that delivers fixed bytes and forgets what it is sent.
type scripted struct {
	net.Conn
	in     []byte
	closed bool
}

func (s *scripted) Read(p []byte) (int, error) {
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.in)
	s.in = s.in[n:]
	return n, nil
}
func (s *scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (s *scripted) Close() error                     { s.closed = true; return nil }
func (s *scripted) SetDeadline(time.Time) error      { return nil }
func (s *scripted) SetReadDeadline(time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }

// joined returns the outer ends of two connections that a Joint joins, and what Run returned.
func joined(t *testing.T, pair func(testing.TB) (net.Conn, net.Conn), early string) (left, right *Conn, j *Joint, done chan error) {
	t.Helper()
	outerLeft, innerLeft := pair(t)
	innerRight, outerRight := pair(t)
	j = NewJoint(NewConn(innerLeft, []byte(early)), NewConn(innerRight, nil))
	done = make(chan error, 1)
	go func() { done <- j.Run() }()
	t.Cleanup(func() { j.Close() })
	return NewConn(outerLeft, nil), NewConn(outerRight, nil), j, done
}

func TestJoinDeliversEarlyBytesFirstAndHalfCloses(t *testing.T) {
	for name, pair := range connTypes {
		t.Run(name, func(t *testing.T) {
			left, right, j, done := joined(t, pair, "early ")
			sendAll(t, left, "late")
			expectAll(t, right, "early late")
			sendAll(t, right, "answer after the other direction has ended")
			expectAll(t, left, "answer after the other direction has ended")
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
			if j.AToB() != 10 || j.BToA() != 42 {
				t.Errorf("counted %d and %d bytes, want 10 and 42", j.AToB(), j.BToA())
			}
		})
	}
}

func TestJoinLosesNothingBothWaysAtOnce(t *testing.T) {
	const size = 8 << 20
	for name, pair := range connTypes {
		t.Run(name, func(t *testing.T) {
			left, right, _, done := joined(t, pair, "")
			send := make([]byte, size)
			rand.Read(send)
			results := make(chan error, 4)
			for _, ends := range [][2]*Conn{{left, right}, {right, left}} {
				go func() { results <- writeAndClose(ends[0], send) }()
				go func() { results <- readAndCompare(ends[1], send) }()
			}
			for range 4 {
				if err := <-results; err != nil {
					t.Error(err)
				}
			}
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
}

func writeAndClose(c *Conn, b []byte) error {
	if _, err := c.Write(b); err != nil {
		return err
	}
	return c.CloseWrite()
}

func readAndCompare(r io.Reader, want []byte) error {
	got, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("got %d other bytes, want %d", len(got), len(want))
	}
	return err
}

func TestJoinEndsWhenAPeerIsGone(t *testing.T) {
	left, right, _, done := joined(t, tcpPair, "")
	if err := left.Conn.(*net.TCPConn).SetLinger(0); err != nil { // the close becomes a reset
		t.Fatal(err)
	}
	left.Close()
	if err := <-done; err == nil {
		t.Error("Run has no error for a reset")
	}
	if _, err := io.ReadAll(right); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the other side reads %v", err)
	}
}

func TestCloseEndsAJoin(t *testing.T) {
	_, right, j, done := joined(t, tlsPair, "")
	j.Close()
	if err := <-done; err == nil {
		t.Error("Run has no error although it was cut off")
	}
	if _, err := right.Read(make([]byte, 1)); err == nil {
		t.Error("the other side is still open")
	}
}

// A process that lets the kernel move the bytes does not read them: /proc/self/io counts what went
// through read(2). Both outer ends live in this process as well, so of each byte one read is theirs.
func TestTheKernelMovesBytesBetweenPlainSockets(t *testing.T) {
	const size = 64 << 20
	before := bytesRead(t)
	left, right, _, done := joined(t, tcpPair, "")
	errs := make(chan error, 1)
	go func() { errs <- writeAndClose(left, make([]byte, size)) }()
	if n, err := io.Copy(io.Discard, onlyReader{right}); n != size || err != nil {
		t.Fatalf("%d bytes arrived, %v", n, err)
	}
	if err := <-errs; err != nil {
		t.Fatal(err)
	}
	right.CloseWrite()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if read := bytesRead(t) - before; read > size+size/2 {
		t.Errorf("%d bytes were read for %d moved: the join copies", read, size)
	}
}

func bytesRead(t *testing.T) (n int64) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/io")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the kernel has no /proc/self/io to count with")
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(b), "rchar: %d", &n); err != nil {
		t.Fatalf("/proc/self/io: %v in %q", err, b)
	}
	return n
}
