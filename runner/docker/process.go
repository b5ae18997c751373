// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"switchyard/runner/proc"
	"switchyard/runner/sessions"
	"switchyard/sshd"
)

const (
	// releaseWait is how long End waits for the engine to close the connection
	// of a process that has ended. The engine does so two seconds after the exit
	// even if something still holds the output.
	releaseWait = 5 * time.Second
	// codeWait bounds the questions for an exit code where the kernel does not
	// tell it.
	codeWait = 15 * time.Second
)

var errNoTerminal = errors.New("the process has no terminal")

// process is an exec instance that has been started.
type process struct {
	target     *Target
	id         string // the exec instance's
	log        logrus.FieldLogger
	connection client.HijackedResponse
	session    *sessions.Session
	leader     *proc.Leader // nil when it had ended before it could be held
	master     *os.File     // the terminal's; nil without one

	stdin          io.WriteCloser
	stdout, stderr *spool // stderr is nil with a terminal

	drained chan struct{} // closed when the pump has ended
	exited  chan struct{} // closed when exit and err are set
	exit    sshd.Exit
	err     error

	ending sync.Once
}

var _ sshd.Process = (*process)(nil)

// newProcess starts to read the connection of an exec instance.
func (t *Target) newProcess(id string, connection client.HijackedResponse, terminal bool) *process {
	p := &process{
		target: t, id: id, log: t.log.WithField("exec", id[:min(len(id), 12)]), connection: connection,
		stdout: newSpool(), drained: make(chan struct{}), exited: make(chan struct{}),
	}
	p.stdin = (*pipeInput)(p)
	if !terminal {
		p.stderr = newSpool()
	}
	go p.pump()
	return p
}

// pump reads the connection to its end. The engine closes only its own half
// then, and would let a writer of input wait for ever.
func (p *process) pump() {
	defer close(p.drained)
	err := pump(p.connection.Reader, p.stdout, p.stderr)
	p.connection.Close()
	if !errors.Is(err, io.EOF) {
		p.log.WithError(err).Debug("the engine's connection was lost")
	}
	for _, s := range p.outputs() {
		s.finish(err)
	}
}

func (p *process) outputs() []*spool {
	if p.stderr == nil {
		return []*spool{p.stdout}
	}
	return []*spool{p.stdout, p.stderr}
}

// follow learns of the exit.
func (p *process) follow() {
	defer close(p.exited)
	if p.leader != nil {
		if p.leader.Wait(context.Background()) != nil {
			p.err = p.session.Goes() // End has let it go
			return
		}
	}
	for _, s := range p.outputs() {
		s.raise()
	}
	if p.leader != nil {
		if exit, known := p.leader.ExitInfo(); known {
			p.exit = exit
			return
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), codeWait)
	defer cancel()
	p.exit.Code, p.err = p.target.exitCode(ctx, p.id)
}

func (p *process) Stdin() io.WriteCloser { return p.stdin }

func (p *process) Stdout() io.Reader { return p.stdout }

// Stderr implements sshd.Process: a nil interface with a terminal.
func (p *process) Stderr() io.Reader {
	if p.stderr == nil {
		return nil
	}
	return p.stderr
}

// Signal implements sshd.Process.
func (p *process) Signal(name string) error {
	sig, err := proc.SignalNumber(name)
	if err != nil {
		return err
	}
	if p.leader == nil {
		return os.ErrProcessDone
	}
	return p.leader.SignalForeground(sig)
}

// Wait implements sshd.Process. How a process ended is exact from Linux 6.15 on;
// before, a death by signal n may be reported as code 128+n, as docker exec does.
func (p *process) Wait() (sshd.Exit, error) {
	<-p.exited
	return p.exit, p.err
}

// End implements sshd.Process. Output that was not read is lost.
func (p *process) End() { p.ending.Do(p.end) }

func (p *process) end() {
	for _, s := range p.outputs() {
		s.discard()
	}
	if p.leader != nil {
		if err := p.session.End(p.leader); err != nil {
			p.log.WithError(err).Warn("ending a session")
		}
	}
	p.awaitRelease()
	p.disconnect()
	if p.master != nil {
		p.master.Close()
	}
	if p.leader != nil {
		p.leader.Close()
	}
	<-p.exited
}

// awaitRelease waits until the engine has forgotten the instance, after which it
// closes the connection. A leader that was detached keeps its instance for as
// long as it lives, and is not waited for.
func (p *process) awaitRelease() {
	if p.leader != nil && p.leader.Signal(0) == nil && runs(p.leader.PID()) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseWait)
	defer cancel()
	select {
	case <-p.drained:
	case <-ctx.Done():
	}
	// A connection that was lost says nothing of the instance.
	if _, err := p.target.exitCode(ctx, p.id); err != nil && p.target.ns.Alive() {
		p.log.WithError(err).Warn("the engine still has the instance of a process that has ended")
	}
}

// disconnect closes the connection to the engine and waits for the pump.
func (p *process) disconnect() {
	for _, s := range p.outputs() {
		s.discard()
	}
	p.connection.Close()
	<-p.drained
}

// pipeInput is the standard input of a process without a terminal.
type pipeInput process

func (in *pipeInput) Write(p []byte) (int, error) { return in.connection.Conn.Write(p) }

// Close half-closes the connection, which the engine turns into EOF. After the
// process's end there is nobody to tell.
func (in *pipeInput) Close() error {
	err := in.connection.CloseWrite()
	if errors.Is(err, net.ErrClosed) || errors.Is(err, unix.ENOTCONN) {
		return nil
	}
	return err
}
