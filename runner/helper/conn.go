// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a connected socket that came out of the target. Whoever sent it can still hold it, and can make it blocking
// at any time, as O_NONBLOCK is the description's (open(2)). So each call says for itself that it must not wait
// (MSG_DONTWAIT), or a thread of the runner would wait in it. Nothing else of net's is offered, such as what lets
// io.Copy use splice(2).
type conn struct {
	socket *net.UnixConn
	raw    syscall.RawConn
}

// newConn takes over a socket.
func newConn(socket *os.File) (net.Conn, error) {
	defer socket.Close() // net has a descriptor of its own
	c, err := net.FileConn(socket)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("the socket from the target is none of the unix domain")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		u.Close()
		return nil, err
	}
	return &conn{socket: u, raw: raw}, nil
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	var failed error
	err = c.raw.Read(func(fd uintptr) bool {
		n, failed = uninterrupted(func() (int, error) {
			n, _, err := unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
			return n, err
		})
		return failed != unix.EAGAIN
	})
	switch {
	case err != nil:
		return 0, err
	case failed != nil:
		return 0, c.fail("read", "recvfrom", failed)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (n int, err error) {
	var failed error
	err = c.raw.Write(func(fd uintptr) bool {
		for n < len(b) && failed == nil {
			var m int
			m, failed = uninterrupted(func() (int, error) {
				return unix.SendmsgN(int(fd), b[n:], nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
			})
			n += m
		}
		if failed == unix.EAGAIN {
			failed = nil
			return false
		}
		return true
	})
	if err == nil && failed != nil {
		err = c.fail("write", "sendmsg", failed)
	}
	return n, err
}

// uninterrupted repeats a call that a signal interrupts.
func uninterrupted(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); err != unix.EINTR {
			return n, err
		}
	}
}

func (c *conn) fail(op, call string, err error) error {
	return &net.OpError{Op: op, Net: "unix", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError(call, err)}
}

// CloseWrite ends what the other side reads.
func (c *conn) CloseWrite() error { return c.socket.CloseWrite() }

// Close shuts the socket down first: who sent it can still hold it, and the other side would see no end.
func (c *conn) Close() error {
	shutdown(c.socket)
	return c.socket.Close()
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.socket.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.socket.RemoteAddr() }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error { return c.socket.SetDeadline(t) }

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.socket.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.socket.SetWriteDeadline(t) }

func shutdown(socket syscall.Conn) {
	if raw, err := socket.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	}
}
