// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"fmt"
	"syscall"

	"switchyard/runner/proc"
	"switchyard/sshd"
)

// Start starts a process through the account's shell, in its home directory, or in / when that cannot be
// entered. It leads a session of its own, with the terminal, if any, as the controlling one.
func (t *Target) Start(ctx context.Context, c sshd.Command) (sshd.Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	attr, err := attributes(c)
	if err != nil {
		return nil, err
	}
	io, err := openStdio(c)
	if err != nil {
		return nil, err
	}
	pid, err := fork(c, attr, io)
	io.closeChild()
	if err != nil {
		io.close()
		return nil, fmt.Errorf("starting the shell %q of %q: %w", c.Account.Shell, c.Account.Name, err)
	}
	p, err := t.newProcess(pid, io)
	if err != nil {
		io.close()
		syscall.Kill(pid, syscall.SIGKILL)
		reap(pid)
		return nil, err
	}
	return p, nil
}

func attributes(c sshd.Command) (*syscall.SysProcAttr, error) {
	credential, err := credential(c.Account)
	if err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Setsid: true, Setctty: c.Pty != nil, Ctty: 0, Credential: credential}, nil
}

func openStdio(c sshd.Command) (*stdio, error) {
	if c.Pty != nil {
		return openTerminal(c.Pty, c.Account)
	}
	return openPipes()
}

// fork starts the child. The error of a directory that the account cannot enter is not told from that
// of a shell, so the second try, in /, decides.
func fork(c sshd.Command, sys *syscall.SysProcAttr, io *stdio) (pid int, err error) {
	attr := &syscall.ProcAttr{
		Dir: c.Account.Home,
		Env: environ(c),
		Files: []uintptr{
			uintptr(io.child[0]), uintptr(io.child[1]), uintptr(io.child[2]),
		},
		Sys: sys,
	}
	pid, _, err = syscall.StartProcess(c.Account.Shell, arguments(c), attr)
	if err != nil && attr.Dir != "/" {
		attr.Dir = "/"
		pid, _, err = syscall.StartProcess(c.Account.Shell, arguments(c), attr)
	}
	return pid, err
}

func (t *Target) newProcess(pid int, io *stdio) (*process, error) {
	stdout, err := newOutput(io.stdout)
	if err != nil {
		return nil, err
	}
	p := &process{
		target: t, stdout: stdout,
		stdin:  input{file: io.stdin, terminal: io.stderr == nil},
		exited: make(chan struct{}), ended: make(chan struct{}),
	}
	if io.stderr != nil {
		if p.stderr, err = newOutput(io.stderr); err != nil {
			return nil, err
		}
	}
	if p.leader, err = proc.Open(pid); err != nil {
		return nil, err
	}
	go p.watch()
	return p, nil
}

// reap collects a child.
func reap(pid int) {
	for {
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
			return
		}
	}
}
