// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"
	gossh "golang.org/x/crypto/ssh"
)

// session is one session channel (RFC 4254 section 6): the requests that prepare a process, the process,
// and the requests that reach it.
type session struct {
	c   *connection
	log logrus.FieldLogger

	// ctx ends when the channel has been closed or the server ends the session. It ends the process.
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{} // closed when the channel is closed and the process gone
	told   chan struct{} // closed when the client has been told how the process ended

	fences chan chan struct{} // see awaitRequests

	// Set by attach.
	ch     *sessionChannel
	stderr *output

	// What the requests have prepared; the request loop's own.
	env     environment
	pty     *Pty
	agent   bool       // agent forwarding is asked for
	x11     *x11ReqMsg // nil: X11 forwarding is not asked for
	launch  func()     // what the request just answered starts; nil: nothing
	control *control

	mu       sync.Mutex // guards what follows, and ch and stderr until attach; never held over I/O
	terminal bool       // there is a pty
	started  bool       // shell, exec or subsystem was accepted
	stopped  bool       // the server ends the session
	untold   string     // what the server had to say before attach

	noReader atomic.Bool    // the client takes no more standard output
	running  sync.WaitGroup // the process's goroutines
}

// openSession serves a session channel to its end.
func (c *connection) openSession(open gossh.NewChannel, _ int) {
	s := &session{c: c, log: c.log, done: make(chan struct{}), told: make(chan struct{}), fences: make(chan chan struct{}), control: newControl()}
	s.ctx, s.cancel = context.WithCancel(c.ctx)
	defer s.cancel()
	if why := c.admitSession(s); why != nil {
		c.reject(open, *why)
		return
	}
	defer c.releaseSession(s)
	defer close(s.done)
	s.serve(open)
}

// serve accepts the channel and answers its requests until the client has closed it, too; then it ends
// the process, but for one that runs on behind its output, and waits for all that belongs to it.
//
// The place of the session is held as long, because the library holds the channel as long.
func (s *session) serve(open gossh.NewChannel) {
	ch, requests, err := open.Accept()
	if err != nil {
		return
	}
	s.attach(newSessionChannel(ch))
	s.answerAll(requests)
	s.awaitLingering()
	s.cancel()
	s.running.Wait()
}

// attach gives the session its channel. What was said before is said first, and a session that was stopped
// meanwhile is closed at once.
func (s *session) attach(ch *sessionChannel) {
	stderr := &output{ch: ch}
	for line := s.publish(ch, stderr); line != ""; line = s.publish(ch, stderr) {
		stderr.Write([]byte(line + "\n"))
	}
	s.mu.Lock()
	stopped := s.stopped
	s.mu.Unlock()
	if stopped {
		ch.Close()
	}
}

// publish sets the channel, unless a line waits to be said before.
func (s *session) publish(ch *sessionChannel, stderr *output) (line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line, s.untold = s.untold, ""
	if line == "" {
		s.ch, s.stderr = ch, stderr
	}
	return line
}

// answer answers one request, in order, as requests have no number (RFC 4254 section 5.4). What the
// request starts is started behind the answer, so that no output overtakes it.
func (s *session) answer(r *gossh.Request) {
	err := s.handle(r.Type, r.Payload)
	if err != nil {
		s.log.WithError(err).Debugf("refusing the request %s", quote(r.Type))
	}
	s.ch.reply(r, err == nil)
	if launch := s.launch; launch != nil {
		s.launch = nil
		s.running.Go(launch)
	}
}

func (s *session) isStarted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started
}

// begin takes the one start that a session has (RFC 4254 section 6.5).
func (s *session) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return errStarted
	}
	if s.stopped {
		return errors.New("the session is being ended")
	}
	s.started = true
	return nil
}

// stop ends the session from this side. A process is ended, and its end closes the channel.
func (s *session) stop() {
	s.mu.Lock()
	s.stopped = true
	ch, started := s.ch, s.started
	s.mu.Unlock()
	s.cancel()
	if ch != nil && !started {
		ch.Close()
	}
}

// tell writes one line of the server's own to standard error, for the person. With a terminal, the
// client's is in raw mode and needs the carriage return. It waits for a client that takes no data.
func (s *session) tell(line string) {
	s.mu.Lock()
	stderr, terminal := s.stderr, s.terminal
	if stderr == nil {
		s.untold = line
	}
	s.mu.Unlock()
	if stderr == nil {
		return
	}
	if terminal {
		line += "\r"
	}
	stderr.Write([]byte(line + "\n"))
}
