// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"fmt"
	"syscall"

	"switchyard/runner/child"
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
	s := t.sessions.Begin("host")
	pid, err := fork(c, attr, io)
	if err != nil {
		s.Failed()
		io.Close()
		return nil, fmt.Errorf("starting the shell %q of %q: %w", c.Account.Shell, c.Account.Name, err)
	}
	p, err := child.New(pid, io, child.Config{Session: s, Log: t.cfg.Log})
	if err != nil {
		return nil, err // and not a nil process in the interface
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

func openStdio(c sshd.Command) (*child.Stdio, error) {
	if c.Pty != nil {
		return openTerminal(c.Pty, c.Account)
	}
	return child.OpenPipes()
}

// fork starts the child. The error of a directory that the account cannot enter is not told from that
// of a shell, so the second try, in /, decides.
func fork(c sshd.Command, sys *syscall.SysProcAttr, io *child.Stdio) (pid int, err error) {
	attr := &syscall.ProcAttr{Dir: c.Account.Home, Env: environ(c), Sys: sys}
	for _, file := range io.Child() {
		attr.Files = append(attr.Files, file.Fd())
	}
	pid, _, err = syscall.StartProcess(c.Account.Shell, arguments(c), attr)
	if err != nil && attr.Dir != "/" {
		attr.Dir = "/"
		pid, _, err = syscall.StartProcess(c.Account.Shell, arguments(c), attr)
	}
	return pid, err
}
