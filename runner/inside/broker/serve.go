// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxAtOnce bounds the requests that are worked on at once, and with them the threads that a file system that hangs
// can hold.
const maxAtOnce = 32

// slotWait bounds how long a request waits for its turn. As many as are worked on at once hang by then.
const slotWait = 5 * time.Second

// server serves one runner.
type server struct {
	conn     *net.UnixConn
	made     made
	slots    chan struct{}
	slotWait time.Duration
	over     chan struct{} // closed when no request is begun any more
	work     sync.WaitGroup
}

func newServer(conn *net.UnixConn) *server {
	return &server{conn: conn, slots: make(chan struct{}, maxAtOnce), slotWait: slotWait, over: make(chan struct{})}
}

// Serve answers requests until the runner closes its end or ctx ends, and removes everything that it made. It closes
// conn. It changes the umask and is for a process that does nothing else.
func Serve(ctx context.Context, conn *net.UnixConn) error {
	unix.Umask(0o177) // what sshd's StreamLocalBindMask is by default
	return newServer(conn).serve(ctx)
}

func (s *server) serve(ctx context.Context) error {
	defer s.made.removeAll()
	defer s.settle()
	defer close(s.over)
	defer s.conn.Close()
	defer context.AfterFunc(ctx, func() { s.conn.Close() })()
	if err := s.hello(); err != nil {
		return ended(ctx, err)
	}
	return ended(ctx, s.loop())
}

// settleTime bounds the wait for requests under way at the end: one that hangs must not keep what was made from
// being removed.
const settleTime = time.Second

// settle waits for what is being made, which would stay behind when the process goes.
func (s *server) settle() {
	done := make(chan struct{})
	go func() { defer close(done); s.work.Wait() }()
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// ended is nil for an end that was wanted.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *server) hello() error {
	b, err := Encode(Hello{Version: Version})
	if err != nil {
		return err
	}
	return s.send(b, -1)
}

func (s *server) loop() error {
	packet := make([]byte, MaxMessage+1)
	for {
		n, _, flags, _, err := s.conn.ReadMsgUnix(packet, nil)
		switch {
		case err != nil:
			return err
		case flags&unix.MSG_TRUNC != 0:
			return errors.New("a message is too long")
		}
		r, err := Decode[Request](packet[:n])
		if err != nil {
			return err
		}
		s.work.Go(func() { s.inTurn(r) }) // and reads on, to see the end whatever hangs
	}
}

// inTurn answers a request once fewer hang than are worked on at once, or says that too many do. The runner bounds how
// many of its requests have no answer.
func (s *server) inTurn(r Request) {
	timer := time.NewTimer(s.slotWait)
	defer timer.Stop()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
		s.answer(r)
	case <-timer.C:
		s.reply(Reply{ID: r.ID, Errno: int(unix.EBUSY)}, -1)
	case <-s.over:
	}
}

// answer does what a request asks for.
func (s *server) answer(r Request) {
	reply := Reply{ID: r.ID}
	fd, path, err := s.do(r)
	if err != nil {
		reply.Errno = int(unix.EIO)
		if errno := unix.Errno(0); errors.As(err, &errno) {
			reply.Errno = int(errno)
		}
	}
	reply.Path = []byte(path)
	s.reply(reply, fd)
	if fd >= 0 {
		unix.Close(fd)
	}
}

func (s *server) reply(reply Reply, fd int) {
	if b, err := Encode(reply); err == nil {
		_ = s.send(b, fd) // an error ends the loop, too
	}
}

// do is answer without the messages. The descriptor is -1 if there is none.
func (s *server) do(r Request) (fd int, path string, err error) {
	switch r.Op {
	case Dial:
		fd, err = dial(string(r.Path))
		return fd, "", err
	case Listen:
		fd, err = s.listen(r.ID, string(r.Path), r.Unlink)
		return fd, "", err
	case ListenPrivate:
		return s.private(r.ID, string(r.Name), bindIn)
	case WritePrivate:
		return s.private(r.ID, string(r.Name), writeIn(r.Content))
	case Remove:
		return -1, "", s.made.remove(r.Made)
	}
	return -1, "", unix.ENOSYS
}

func (s *server) send(packet []byte, fd int) error {
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	if _, _, err := s.conn.WriteMsgUnix(packet, rights, nil); err != nil {
		return fmt.Errorf("answering: %w", err)
	}
	return nil
}
