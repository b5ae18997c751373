// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
)

// scripted is a process that a test plays: what it reads, what it writes, when it exits.
type scripted struct {
	stdin          io.WriteCloser
	stdout, stderr io.Reader

	exited  chan struct{}
	exiting sync.Once
	exit    Exit
	err     error
	onEnd   func()

	calls chan string // Resize, Signal and Break, as text
}

// newScripted is a process that runs until it is ended or exits, writes nothing and swallows its input.
func newScripted() *scripted {
	p := &scripted{stdin: nowhere{}, exited: make(chan struct{}), calls: make(chan string, 100)}
	p.stdout = untilClosed(p.exited)
	p.stderr = untilClosed(p.exited)
	return p
}

// plays makes a target start the process.
func (p *scripted) plays(h *host) {
	h.target.start = func(context.Context, Command) (Process, error) { return p, nil }
}

func (p *scripted) exits(e Exit, err error) {
	p.exiting.Do(func() {
		p.exit, p.err = e, err
		close(p.exited)
	})
}

func (p *scripted) Stdin() io.WriteCloser { return p.stdin }
func (p *scripted) Stdout() io.Reader     { return p.stdout }
func (p *scripted) Stderr() io.Reader     { return p.stderr }
func (p *scripted) Wait() (Exit, error)   { <-p.exited; return p.exit, p.err }

func (p *scripted) Resize(s WindowSize) error {
	p.calls <- "resize " + itoa(int(s.Columns)) + "x" + itoa(int(s.Rows))
	return nil
}

func (p *scripted) Signal(name string) error { p.calls <- "signal " + name; return nil }
func (p *scripted) Break() error             { p.calls <- "break"; return errors.New("no break here") }

func (p *scripted) End() {
	p.exits(Exit{Signal: "HUP"}, nil)
	if p.onEnd != nil {
		p.onEnd()
	}
	if c, ok := p.stdout.(io.Closer); ok {
		c.Close()
	}
}

// nextCall waits for the next call that the process gets.
func (p *scripted) nextCall(t *testing.T) string {
	t.Helper()
	return receive(t, p.calls)
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }

// untilClosed is an output that has nothing and ends when the channel is closed.
type untilClosed <-chan struct{}

func (u untilClosed) Read([]byte) (int, error) { <-u; return 0, io.EOF }
