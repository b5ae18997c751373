// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"switchyard/runner/child"
	"switchyard/runner/helper"
	"switchyard/sshd"
)

var errNoHelper = errors.New("this runner was made without the program that serves sftp and unix sockets")

// SFTP starts an SFTP server as the command's account, on the terms of Start.
func (t *Target) SFTP(ctx context.Context, c sshd.Command) (sshd.Process, error) {
	if c.Pty != nil {
		return nil, errors.New("sftp speaks its protocol through pipes: ask for no terminal")
	}
	if t.cfg.Helper == nil {
		return nil, errNoHelper
	}
	return t.cfg.Helper.SFTP(ctx, c.Account, t.helperStart(c, "host"))
}

// helperStart is how our own program is started as a command's account, with its environment. The way is the session's.
func (t *Target) helperStart(c sshd.Command, way string) helper.Start {
	return func(ctx context.Context, args []string, files []*os.File) (sshd.Process, error) {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		attr, err := attributes(c)
		if err != nil {
			return nil, err
		}
		io, err := child.OpenPipes()
		if err != nil {
			return nil, err
		}
		own := io.Child()
		s := t.sessions.Begin(way)
		pid, err := forkWith(args, environ(c), attr, append(own[:], files...))
		if err != nil {
			s.Failed()
			io.Close()
			return nil, fmt.Errorf("starting Switchyard's helper as %q: %w", c.Account.Name, err)
		}
		p, err := child.New(pid, io, child.Config{Session: s, Log: t.cfg.Log})
		if err != nil {
			return nil, err // and not a nil process in the interface
		}
		return p, nil
	}
}

func forkWith(args, env []string, sys *syscall.SysProcAttr, files []*os.File) (pid int, err error) {
	attr := &syscall.ProcAttr{Dir: "/", Env: env, Sys: sys}
	for _, file := range files {
		attr.Files = append(attr.Files, file.Fd())
	}
	pid, _, err = syscall.StartProcess(args[0], args, attr)
	return pid, err
}
