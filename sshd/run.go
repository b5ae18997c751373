// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"io"
	"sync"
	"syscall"
	"time"
)

// lateExit is how long EOF waits for a process that has ended its output to exit, so that exit-status
// goes first, where clients look for it. A process that runs on longer gets its EOF sent alone, as
// OpenSSH's server sends it at once: whoever reads the output must not wait for the process.
const lateExit = 500 * time.Millisecond

// endNotice is how long a session waits to be told of the end of its target.
const endNotice = 5 * time.Second

// run starts the process and serves it until it has exited and its output has been delivered.
func (s *session) run(start StartFunc, cmd Command) {
	s.c.requests.waitIdle(s.ctx, s.c.queuedRequests)
	cmd.Env = withVars(cmd.Env, s.forwardVars())
	s.showNotes(cmd)
	p, err := s.startProcess(start, cmd)
	if err != nil {
		s.log.WithError(err).Warn("starting the process")
		s.tellFailedStart(err)
		s.finish(exitOfStart(err), nil)
		return
	}
	end := sync.OnceFunc(p.End)
	defer end()
	stop := context.AfterFunc(s.ctx, end)
	defer stop()
	s.serveProcess(p)
}

// tellFailedStart says why there is no process, unless the session is told why the connection ends, of which a
// start that fails meanwhile is only a consequence.
func (s *session) tellFailedStart(err error) {
	if s.c.isOver() {
		<-s.ctx.Done()
		return
	}
	s.tell("switchyard: " + oneLine(err.Error()))
}

func (s *session) startProcess(start StartFunc, cmd Command) (Process, error) {
	if err := checkCommand(cmd); err != nil {
		return nil, err
	}
	return start(s.ctx, cmd)
}

// serveProcess carries the process's input and output, tells how it ended and closes the channel. The
// copy of the input goes on beside it until the channel has been closed.
func (s *session) serveProcess(p Process) {
	s.running.Go(func() { s.copyInput(p.Stdin()) })
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	s.running.Go(func() { s.control.run(ctx, p, s.log) })

	s.copyOutputs(p)
	var exit Exit
	var err error
	exited := closedAfter(func() { exit, err = p.Wait() })
	if !within(exited, lateExit) {
		s.stderr.linger()
	}
	<-exited
	s.awaitEnd(exit)
	s.finish(exit, err)
}

// awaitEnd holds back the end of a session whose process died with its target, until the session has
// been told so: whoever serves the target learns of it a little later.
func (s *session) awaitEnd(exit Exit) {
	if t, ok := s.c.cfg.Target.(Mortal); ok && wasKilled(exit) && t.Ending() {
		within(s.ctx.Done(), endNotice)
	}
}

// wasKilled tells a death by SIGKILL, or the exit of a shell that has seen one: where all processes of a target
// are killed at once, a shell may still be quick enough to exit with its child's status (POSIX XCU section
// 2.8.2).
func wasKilled(e Exit) bool {
	return e.Signal == "KILL" || e.Signal == "" && e.Code == 128+int(syscall.SIGKILL)
}

// finish is the end of a channel: how the process ended, EOF, close (RFC 4254 sections 6.10 and 5.3).
func (s *session) finish(exit Exit, err error) {
	switch {
	case err == nil:
		s.sendExit(exit)
	case errors.Is(err, ErrDetached):
		s.tell("switchyard: " + err.Error())
	default:
		s.log.WithError(err).Warn("waiting for the process")
		s.tell("switchyard: how the command ended is not known: " + oneLine(err.Error()))
	}
	s.stderr.sendEOF()
	s.ch.Close()
	close(s.told)
}

func (s *session) sendExit(e Exit) {
	name, payload := exitRequest(e)
	s.ch.SendRequest(name, false, payload)
}

// within tells whether done was closed in time.
func within(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// copyInput carries the client's data to the process until EOF. When the process takes no more, what
// still comes is taken from the window for nobody, so that the client's other end does not stall.
func (s *session) copyInput(stdin io.WriteCloser) {
	_, err := pump(s.inOrder(stdin), s.ch)
	stdin.Close()
	if err != nil {
		s.sendEOW()
		discard(s.ch)
	}
}

// copyOutputs carries the process's output to the client until both have ended. A copy that fails has
// lost its channel; what ended that ends the process.
func (s *session) copyOutputs(p Process) {
	var copies sync.WaitGroup
	if stderr := p.Stderr(); stderr != nil {
		copies.Go(func() { s.copyOutput(chunks{s.stderr}, stderr) })
	}
	s.copyStdout(p)
	copies.Wait()
}

// copyOutput carries one output, and returns the error of the client's side.
func (s *session) copyOutput(dst io.Writer, src io.Reader) error {
	readErr, writeErr := pump(dst, src)
	if readErr != nil {
		s.log.WithError(readErr).Debug("reading the process's output")
	}
	return writeErr
}
