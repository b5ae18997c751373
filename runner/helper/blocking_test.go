// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/runner/inside/broker"
	"switchyard/test/rig"
)

// soon is a deadline that a call can only meet if it does not wait in the system.
const soon = 50 * time.Millisecond

// blocking dials a socket that the broker keeps and makes blocking behind our back. It returns what the
// broker kept, and the other side.
func blocking(t *testing.T) (c net.Conn, kept, far int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	kept, err = unix.Dup(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(kept); unix.Close(fds[1]) })
	s, _ := against(t, hello, func(h *hostile, r broker.Request) { h.say(`{"id":1}`, fds[0]) })
	if c, err = s.Dial(t.Context(), "/a/socket"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := unix.SetNonblock(kept, false); err != nil {
		t.Fatal(err)
	}
	return c, kept, fds[1]
}

// finished fails the test when a call does not return.
func finished(t *testing.T, what string, call func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		return err
	case <-time.After(deadline):
		t.Fatalf("%s waits in the system", what)
		return nil
	}
}

// Each read or write that waited in the system would hold a thread, and ten thousand of those are the runner's end.
func TestASocketThatWasMadeBlockingHoldsNoThread(t *testing.T) {
	c, _, _ := blocking(t)
	c.SetDeadline(time.Now().Add(soon))
	err := finished(t, "reading", func() error { _, err := c.Read(make([]byte, 1)); return err })
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading: %v", err)
	}
	c.SetDeadline(time.Now().Add(soon))
	err = finished(t, "writing", func() error { _, err := c.Write(make([]byte, 64<<20)); return err })
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing: %v", err)
	}
}

func TestASocketThatWasMadeBlockingCanBeClosedAndItsOtherSideSeesThat(t *testing.T) {
	c, _, far := blocking(t)
	reading := make(chan struct{})
	go func() { defer close(reading); io.Copy(io.Discard, c) }()
	c.Close() // and the broker's copy stays
	<-reading
	if n, err := unix.Read(far, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("the other side reads %d bytes, %v", n, err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading after Close: %v", err)
	}
	if _, err := c.Write(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing after Close: %v", err)
	}
}

func TestAWriteThatDoesNotFitIsWrittenWhole(t *testing.T) {
	c, _, far := blocking(t)
	const size = 16 << 20
	wrote := make(chan error, 1)
	go func() {
		_, err := c.Write(make([]byte, size))
		c.(interface{ CloseWrite() error }).CloseWrite()
		wrote <- err
	}()
	got, buffer := 0, make([]byte, 64<<10)
	for {
		n, err := unix.Read(far, buffer)
		if n <= 0 {
			if err != nil {
				t.Error(err)
			}
			break
		}
		got += n
	}
	if err := <-wrote; err != nil || got != size {
		t.Errorf("%d of %d bytes arrived, %v", got, size, err)
	}
}

func TestAWriteToWhatIsGoneIsAnError(t *testing.T) {
	c, kept, _ := blocking(t)
	unix.Shutdown(kept, unix.SHUT_RDWR)
	if _, err := c.Write([]byte("x")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("writing: %v", err)
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("reading: %v", err)
	}
}

// blockingListener listens on a socket that the broker keeps and makes blocking.
func blockingListener(t *testing.T) (l net.Listener, kept int) {
	t.Helper()
	fd := listening()
	kept, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(kept) })
	s, _ := against(t, hello, func(h *hostile, _ broker.Request) {
		h.say(`{"id":1}`, fd)
		if _, err := h.control.Read(make([]byte, broker.MaxMessage)); err == nil { // that Close asks to remove it
			h.say(`{"id":2}`)
		}
	})
	if l, err = s.Listen(t.Context(), "/a/socket", false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := unix.SetNonblock(kept, false); err != nil {
		t.Fatal(err)
	}
	return l, kept
}

func TestAListenerThatWasMadeBlockingIsMadeWhatItWas(t *testing.T) {
	l, kept := blockingListener(t)
	accepted := make(chan error, 1)
	go func() { _, err := l.Accept(); accepted <- err }()
	rig.Eventually(t, deadline, func() (bool, string) {
		flags, err := unix.FcntlInt(uintptr(kept), unix.F_GETFL, 0)
		return err == nil && flags&unix.O_NONBLOCK != 0, "the call waits in the system"
	})
	l.Close()
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepting: %v", err)
	}
}

// The call of another listener can wait in the system, when its socket is made blocking in the very moment.
func TestAListenerWhoseTurnDoesNotComeCanBeClosed(t *testing.T) {
	l, _ := blockingListener(t)
	l.(*listener).client.accepting <- struct{}{}
	accepted := make(chan error, 1)
	go func() { _, err := l.Accept(); accepted <- err }()
	if err := finished(t, "closing", l.Close); err != nil {
		t.Errorf("closing: %v", err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepting: %v", err)
	}
}
