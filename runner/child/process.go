// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"switchyard/runner/proc"
	"switchyard/runner/sessions"
	"switchyard/runner/tty"
	"switchyard/sshd"
)

// Config says what becomes of a process in the end. The zero value works.
type Config struct {
	// Session keeps account of the process, and ends it by its policy. Nil: nobody does, and it is ended as the
	// policy sessions.HangUp says.
	Session *sessions.Session
	// Grace is how long a session's processes have between SIGHUP and SIGKILL, where there is no Session to say so.
	// Zero or less: none.
	Grace time.Duration
	// Log gets what goes wrong when nobody is there to be told. Nil: nowhere.
	Log logrus.FieldLogger
	// Reap collects the child, whose pid may mean another process from then on. Nil: the function Reap.
	Reap func(pid int)
	// ReapAtExit has the child collected as soon as it has exited, and not after its session has been ended. The
	// main process of a PID namespace cannot go before all others of it have been collected (pid_namespaces(7)).
	ReapAtExit bool
}

// Process is a child and the session it leads.
type Process struct {
	cfg    Config
	leader *proc.Leader
	stdin  input
	stdout *output
	stderr *output // nil on a terminal

	exited  chan struct{} // closed when the child has exited; then exit and exitErr are set
	exit    sshd.Exit
	exitErr error

	end   sync.Once
	ended chan struct{} // closed when End has done its work
}

var (
	_ sshd.Process      = (*Process)(nil)
	_ sshd.StdoutCloser = (*Process)(nil)
)

// New takes over a child that leads its session, our ends of its input and output, and the account of its session. On
// failure the child has been killed, and everything closed.
func New(pid int, io *Stdio, c Config) (*Process, error) {
	io.CloseChild()
	p, err := newProcess(pid, io, c.withDefaults())
	if err != nil {
		io.Close()
		syscall.Kill(pid, syscall.SIGKILL)
		c.withDefaults().Reap(pid)
		if c.Session != nil {
			c.Session.Failed()
		}
		return nil, err
	}
	if c.Session != nil {
		c.Session.Started(p.leader)
	}
	go p.watch()
	return p, nil
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		quiet := logrus.New()
		quiet.SetOutput(io.Discard)
		c.Log = quiet
	}
	if c.Reap == nil {
		c.Reap = Reap
	}
	return c
}

func newProcess(pid int, io *Stdio, c Config) (p *Process, err error) {
	p = &Process{
		cfg:    c,
		stdin:  input{file: io.stdin, terminal: io.stderr == nil},
		exited: make(chan struct{}), ended: make(chan struct{}),
	}
	if p.stdout, err = newOutput(io.stdout); err != nil {
		return nil, err
	}
	if io.stderr != nil {
		if p.stderr, err = newOutput(io.stderr); err != nil {
			return nil, err
		}
	}
	p.leader, err = proc.Open(pid)
	return p, err
}

// Leader is the child. Its owner is the Process.
func (p *Process) Leader() *proc.Leader { return p.leader }

func (p *Process) Stdin() io.WriteCloser { return p.stdin }
func (p *Process) Stdout() io.Reader     { return p.stdout }

func (p *Process) Stderr() io.Reader {
	if p.stderr == nil {
		return nil
	}
	return p.stderr
}

var errNoTerminal = errors.New("the process has no terminal")

func (p *Process) Resize(s sshd.WindowSize) error {
	return p.onTerminal(func(fd int) error { return tty.SetSize(fd, s) })
}

func (p *Process) Break() error { return p.onTerminal(tty.SendBreak) }

func (p *Process) onTerminal(do func(fd int) error) error {
	if !p.stdin.terminal {
		return errNoTerminal
	}
	var done error
	if err := p.stdout.raw.Control(func(fd uintptr) { done = do(int(fd)) }); err != nil {
		return errors.New("the terminal is closed")
	}
	return done
}

func (p *Process) Signal(name string) error {
	sig, err := proc.SignalNumber(name)
	if err != nil {
		return err
	}
	if err := p.leader.SignalForeground(sig); err != nil {
		return fmt.Errorf("sending %s: %w", name, err)
	}
	return nil
}

// watch learns how the child ended. The child remains for End to reap, unless ReapAtExit says else. A terminal's output ends with its
// leader, as with sshd, though a background process may still hold the terminal; a pipe's output ends
// when all who hold it are gone.
func (p *Process) watch() {
	defer close(p.exited)
	if p.stdin.terminal {
		defer p.endTerminal()
	}
	if p.exitErr = p.leader.Wait(context.Background()); p.exitErr != nil {
		return
	}
	status, err := proc.PeekChild(p.leader.PID())
	p.exit, p.exitErr = proc.ExitOf(status), err
	if p.cfg.ReapAtExit {
		p.cfg.Reap(p.leader.PID())
	}
}

// endTerminal ends a terminal's output with its leader. Where what the leader left is kept, so is the terminal.
func (p *Process) endTerminal() {
	if p.keeps() {
		p.stdout.leave(nil)
	} else {
		p.stdout.finish()
	}
}

func (p *Process) keeps() bool { return p.cfg.Session != nil && p.cfg.Session.Keeps() }

// CloseStdout implements sshd.StdoutCloser.
func (p *Process) CloseStdout() error {
	if p.stdin.terminal {
		return errors.New("the process has a terminal")
	}
	p.stdout.abort()
	return nil
}

// Wait fails only for a process that End has left running.
func (p *Process) Wait() (sshd.Exit, error) {
	select {
	case <-p.exited:
		return p.exit, p.exitErr
	case <-p.ended:
	}
	select {
	case <-p.exited:
		return p.exit, p.exitErr
	default:
		if p.cfg.Session != nil {
			return sshd.Exit{}, p.cfg.Session.Goes()
		}
		return sshd.Exit{}, sshd.ErrDetached
	}
}

func (p *Process) End() {
	p.end.Do(func() {
		defer close(p.ended)
		if err := p.endSession(); err != nil {
			p.cfg.Log.WithError(err).Warn("ending a session's processes")
		}
		p.closeStdio()
		if p.leader.Exited() {
			p.release()
		} else {
			go p.release() // detached on purpose, or stuck in the kernel
		}
	})
}

func (p *Process) endSession() error {
	if p.cfg.Session != nil {
		return p.cfg.Session.End(p.leader)
	}
	return p.leader.End(max(p.cfg.Grace, 0))
}

// closeStdio closes our ends. Of processes that are kept it leaves the outputs open, and a terminal: what they write goes
// nowhere, but neither stops nor kills them. Their input ends, as with OpenSSH's server when a connection is lost.
func (p *Process) closeStdio() {
	if !p.stdin.terminal || !p.keeps() {
		defer p.stdin.file.Close()
	}
	for _, o := range []*output{p.stdout, p.stderr} {
		switch {
		case o == nil:
		case !p.keeps():
			o.finish()
		case p.stdin.terminal:
			o.leave(p.exited)
		default:
			o.leave(nil)
		}
	}
}

// release gives back what the child holds, once it has exited.
func (p *Process) release() {
	<-p.exited
	if !p.cfg.ReapAtExit {
		p.cfg.Reap(p.leader.PID())
	}
	p.leader.Close()
}

// Reap collects a child.
func Reap(pid int) {
	for {
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
			return
		}
	}
}
