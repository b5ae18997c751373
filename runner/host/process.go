// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"switchyard/runner/proc"
	"switchyard/runner/tty"
	"switchyard/sshd"
)

// process is a child and the session it leads.
type process struct {
	target *Target
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

var _ sshd.Process = (*process)(nil)

func (p *process) Stdin() io.WriteCloser { return p.stdin }
func (p *process) Stdout() io.Reader     { return p.stdout }

func (p *process) Stderr() io.Reader {
	if p.stderr == nil {
		return nil
	}
	return p.stderr
}

var errNoTerminal = errors.New("the process has no terminal")

func (p *process) Resize(s sshd.WindowSize) error {
	return p.onTerminal(func(fd int) error { return tty.SetSize(fd, s) })
}

func (p *process) Break() error { return p.onTerminal(tty.SendBreak) }

func (p *process) onTerminal(do func(fd int) error) error {
	if !p.stdin.terminal {
		return errNoTerminal
	}
	var done error
	if err := p.stdout.raw.Control(func(fd uintptr) { done = do(int(fd)) }); err != nil {
		return errors.New("the terminal is closed")
	}
	return done
}

func (p *process) Signal(name string) error {
	sig, err := proc.SignalNumber(name)
	if err != nil {
		return err
	}
	if err := p.leader.SignalForeground(sig); err != nil {
		return fmt.Errorf("sending %s: %w", name, err)
	}
	return nil
}

// watch learns how the child ended. The child remains for End to reap. A terminal's output ends with its
// leader, as with sshd, though a background process may still hold the terminal; a pipe's output ends
// when all who hold it are gone.
func (p *process) watch() {
	defer close(p.exited)
	if p.stdin.terminal {
		defer p.stdout.finish()
	}
	if p.exitErr = p.leader.Wait(context.Background()); p.exitErr != nil {
		return
	}
	status, err := proc.PeekChild(p.leader.PID())
	p.exit, p.exitErr = proc.ExitOf(status), err
}

// Wait fails only for a process that End has left running because it ignores SIGHUP.
func (p *process) Wait() (sshd.Exit, error) {
	select {
	case <-p.exited:
		return p.exit, p.exitErr
	case <-p.ended:
	}
	select {
	case <-p.exited:
		return p.exit, p.exitErr
	default:
		return sshd.Exit{}, sshd.ErrDetached
	}
}

func (p *process) End() {
	p.end.Do(func() {
		defer close(p.ended)
		if err := p.leader.End(max(p.target.cfg.Grace, 0)); err != nil {
			p.target.cfg.Log.WithError(err).Warn("ending a session's processes")
		}
		p.closeStdio()
		if p.leader.Exited() {
			p.release()
		} else {
			go p.release() // detached on purpose, or stuck in the kernel
		}
	})
}

func (p *process) closeStdio() {
	p.stdout.finish()
	if p.stderr != nil {
		p.stderr.finish()
	}
	p.stdin.file.Close()
}

// release gives back what the child holds, once it has exited.
func (p *process) release() {
	<-p.exited
	reap(p.leader.PID())
	p.leader.Close()
}
