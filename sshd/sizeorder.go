// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"io"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// slowResize is how long input waits for a size that the target takes long to set.
const slowResize = time.Second

// answerAll answers the channel's requests until the client has closed it, too.
func (s *session) answerAll(requests <-chan *gossh.Request) {
	for {
		select {
		case r, open := <-requests:
			if !open {
				return
			}
			s.answer(r)
		case done := <-s.fences:
			open := s.answerQueued(requests)
			close(done)
			if !open {
				return
			}
		}
	}
}

// awaitLingering waits, when the client has closed a channel that lingers, until the channel is over. No request can
// come, so input is behind all of them. A terminal is hung up by the close, as by OpenSSH's server.
func (s *session) awaitLingering() {
	if !s.ch.lingers.Load() || s.pty != nil {
		return
	}
	for {
		select {
		case done := <-s.fences:
			close(done)
		case <-s.told:
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// answerQueued answers the requests that have come, and tells whether more can.
func (s *session) answerQueued(requests <-chan *gossh.Request) (open bool) {
	for {
		select {
		case r, open := <-requests:
			if !open {
				return false
			}
			s.answer(r)
		default:
			return true
		}
	}
}

// inOrder makes input of a terminal wait for the sizes that the client has sent before it. The library
// delivers requests and data to two goroutines, while OpenSSH's server takes packets one by one, and programs
// count on that: they send a window-change and then the key after which the size is asked for.
func (s *session) inOrder(stdin io.Writer) io.Writer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.terminal {
		return stdin
	}
	return behindSizes{s, stdin}
}

type behindSizes struct {
	s     *session
	stdin io.Writer
}

func (b behindSizes) Write(p []byte) (int, error) {
	b.s.awaitRequests()
	b.s.awaitSizes()
	return b.stdin.Write(p)
}

// awaitRequests waits until the requests before the data that was just read have been answered. One that the loop
// has taken is answered before it takes the fence, and one that is still queued then is answered first.
func (s *session) awaitRequests() {
	done := make(chan struct{})
	select {
	case s.fences <- done:
		<-done
	case <-s.ctx.Done():
	}
}

func (s *session) awaitSizes() {
	sized := s.control.sized()
	if sized == nil {
		return
	}
	t := time.NewTimer(slowResize)
	defer t.Stop()
	select {
	case <-sized:
	case <-s.ctx.Done():
	case <-t.C:
	}
}
