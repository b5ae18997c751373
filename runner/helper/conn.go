// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// conn is a connected socket that came out of the target.
type conn struct{ *net.UnixConn }

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
	return &conn{u}, nil
}

// Close shuts the socket down first. Who sent it can still hold it, and can have made it blocking: a read under way
// would then never end, and Close waits for it.
func (c *conn) Close() error {
	shutdown(c.UnixConn)
	return c.UnixConn.Close()
}

func shutdown(socket syscall.Conn) {
	if raw, err := socket.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	}
}

// listener is a listening socket that came out of the target.
type listener struct {
	*net.UnixListener
	client *client
	id     uint64
	path   string
	closed atomic.Bool // by its user
	once   sync.Once
	err    error
}

// newListener takes over a result's socket.
func (c *client) newListener(r result, path string) (net.Listener, error) {
	defer r.socket.Close() // net has a descriptor of its own
	opened, err := net.FileListener(r.socket)
	if err != nil {
		return nil, err
	}
	u, ok := opened.(*net.UnixListener)
	if !ok {
		opened.Close()
		return nil, errors.New("the socket from the target is none of the unix domain")
	}
	u.SetUnlinkOnClose(false) // the path is the target's, and could be another file here
	l := &listener{UnixListener: u, client: c, id: r.id, path: path}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners[l] = true
	return l, nil
}

// Addr is the path that was asked for, or made.
func (l *listener) Addr() net.Addr { return address(l.path) }

// Accept returns connections with CloseWrite.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.AcceptUnix()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Close closes the listener and removes its socket, in this order: whoever comes meanwhile is refused. A second Close
// does nothing.
func (l *listener) Close() error {
	if !l.closed.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	err := l.release()
	l.client.remove(l.id)
	return err
}

// release closes the listener. The broker's end removes the socket.
func (l *listener) release() error {
	l.once.Do(func() {
		l.client.mu.Lock()
		delete(l.client.listeners, l)
		l.client.mu.Unlock()
		shutdown(l.UnixListener) // as conn.Close
		l.err = l.UnixListener.Close()
	})
	return l.err
}
