// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package client

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// watcher closes a connection when the reader of a pipe or socket has gone. ssh that is killed closes
// both ends of its ProxyCommand at once; only the closed input would be noticed, which is how a
// half-close looks too.
type watcher struct {
	fd     int32 // -1: not a file, nothing to watch
	conn   io.Closer
	closed atomic.Bool

	mu      sync.Mutex // guards what follows
	stopped bool
	wake    [2]*os.File // a pipe that ends the poll; nil until start
	done    chan struct{}
}

func watchReader(out io.Writer, conn io.Closer) *watcher {
	w := &watcher{fd: -1, conn: conn}
	if f, ok := out.(*os.File); ok {
		w.fd = int32(f.Fd())
	}
	return w
}

// start begins to watch. It does nothing after stop.
func (w *watcher) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.fd < 0 {
		return
	}
	r, s, err := os.Pipe()
	if err != nil {
		return
	}
	w.wake, w.done = [2]*os.File{r, s}, make(chan struct{})
	go w.watch(int32(r.Fd()))
}

// watch polls for no event at all, so that only POLLERR and POLLHUP end it (poll(2)).
func (w *watcher) watch(wake int32) {
	defer close(w.done)
	fds := []unix.PollFd{{Fd: w.fd}, {Fd: wake, Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		if err == unix.EINTR {
			continue
		}
		if err == nil && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
			w.closed.Store(true)
			w.conn.Close()
		}
		return
	}
}

// fired tells whether the reader was found gone.
func (w *watcher) fired() bool { return w.closed.Load() }

// stop ends the watch and waits for it.
func (w *watcher) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.done == nil {
		return
	}
	w.wake[1].Close()
	<-w.done
	w.wake[0].Close()
}

// readerGone tells whether a write failed because nobody reads any more. On standard output, Go lets the
// signal end the process before the error is seen (package os/signal, SIGPIPE).
func readerGone(err error) bool { return errors.Is(err, unix.EPIPE) }
