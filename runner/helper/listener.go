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

// listener is a listening socket that came out of the target. Like a conn's, it can be made blocking at any time, and
// accept4(2) has no flag against that. So O_NONBLOCK is set before each call, and a broker's listeners call one at a
// time: one that wins the race against this holds one thread, and keeps none but its own listeners waiting.
type listener struct {
	file   *os.File // in the runtime's poller
	raw    syscall.RawConn
	client *client
	id     uint64
	path   string
	closed atomic.Bool // by its user
	once   sync.Once
	gone   chan struct{} // closed by release
	err    error
}

// newListener takes over a result's socket.
func (c *client) newListener(r result, path string) (net.Listener, error) {
	raw, err := r.socket.SyscallConn()
	if err != nil {
		r.socket.Close()
		return nil, err
	}
	l := &listener{file: r.socket, raw: raw, client: c, id: r.id, path: path, gone: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners[l] = true
	return l, nil
}

// Addr is the path that was asked for, or made.
func (l *listener) Addr() net.Addr { return address(l.path) }

// Accept returns connections with CloseWrite.
func (l *listener) Accept() (net.Conn, error) {
	fd, failed := -1, error(nil)
	err := l.raw.Read(func(socket uintptr) bool {
		fd, failed = l.accept(int(socket))
		return failed != unix.EAGAIN
	})
	switch {
	case l.isGone() && fd < 0:
		return nil, l.fail(net.ErrClosed)
	case err != nil:
		return nil, l.fail(err)
	case failed != nil:
		return nil, l.fail(os.NewSyscallError("accept4", failed))
	}
	return newConn(os.NewFile(uintptr(fd), "accepted"))
}

// accept does not wait for a connection, nor longer for its turn than the listener lives.
func (l *listener) accept(socket int) (fd int, err error) {
	select {
	case l.client.accepting <- struct{}{}:
		defer func() { <-l.client.accepting }()
	case <-l.gone:
		return -1, net.ErrClosed
	}
	for {
		if err := unix.SetNonblock(socket, true); err != nil {
			return -1, err
		}
		fd, _, err = unix.Accept4(socket, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ECONNABORTED) {
			return fd, err
		}
	}
}

func (l *listener) isGone() bool {
	select {
	case <-l.gone:
		return true
	default:
		return false
	}
}

func (l *listener) fail(err error) error {
	return &net.OpError{Op: "accept", Net: "unix", Addr: l.Addr(), Err: err}
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

// release closes the listener. The broker's end removes the socket. What holds the socket in the target would keep it
// listening, and a call under way waiting, so it is shut down first.
func (l *listener) release() error {
	l.once.Do(func() {
		l.client.mu.Lock()
		delete(l.client.listeners, l)
		l.client.mu.Unlock()
		close(l.gone)
		shutdown(l.file)
		l.err = l.file.Close()
	})
	return l.err
}
