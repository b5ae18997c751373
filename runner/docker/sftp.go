// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"switchyard/runner/helper"
	"switchyard/runner/runc"
	"switchyard/sshd"
)

// imageServers are where distributions have OpenSSH's sftp-server: Debian, Fedora and Alpine's newer, Arch, and others.
var imageServers = []string{
	"/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server",
	"/usr/libexec/sftp-server", "/usr/lib/sftp-server",
}

// SFTP starts an SFTP server as the command's account, on the terms of Start. It is our own program where the
// container's runtime can be called, and what the image has where it cannot.
func (t *Target) SFTP(ctx context.Context, c sshd.Command) (sshd.Process, error) {
	if c.Pty != nil {
		return nil, errors.New("sftp speaks its protocol through pipes: ask for no terminal")
	}
	if err := checkText(c); err != nil {
		return nil, err
	}
	start, err := t.helperStart(c, false)
	if err != nil {
		return t.imageSFTP(ctx, c, err)
	}
	p, err := t.helper.SFTP(ctx, c.Account, start)
	if unavailable := (*helper.UnavailableError)(nil); errors.As(err, &unavailable) {
		return t.imageSFTP(ctx, c, err)
	}
	return p, err
}

// Why our own program does not run in the container.
var (
	errNoRuntime = errors.New("this runner starts processes by docker exec, which can start no program that the image lacks")
	errNoHelper  = errors.New("this runner was made without a program of its own for containers")
)

// helperStart is how our own program is started for a command's account, with its environment: as a session of the
// user's, or aside.
func (t *Target) helperStart(c sshd.Command, aside bool) (helper.Start, error) {
	by, ok := t.starter.(runtimeExec)
	switch {
	case !ok:
		return nil, errNoRuntime
	case t.helper == nil:
		return nil, errNoHelper
	}
	return func(ctx context.Context, args []string, files []*os.File) (sshd.Process, error) {
		user, err := t.execUser(ctx, c.Account.User)
		if err != nil {
			return nil, t.fail("starting a process", err)
		}
		p, err := by.runtime.Start(ctx, runc.Command{
			Args: args, Env: environment(c), Dir: "/", User: user, Files: files, Aside: aside,
		})
		if err != nil {
			return nil, t.failExec("starting Switchyard's helper", err)
		}
		return p, nil
	}, nil
}

// imageSFTP starts the image's own server; why is why it is not ours.
func (t *Target) imageSFTP(ctx context.Context, c sshd.Command, why error) (sshd.Process, error) {
	for _, server := range imageServers {
		if t.executable(ctx, server) != nil {
			continue
		}
		// It enters the home itself, and stays in / when it cannot; -d takes tokens (sftp-server(8)).
		home := strings.ReplaceAll(c.Account.Home, "%", "%%")
		j := job{user: c.Account.User, args: []string{server, "-d", home}, env: environment(c), dir: "/"}
		return t.starter.start(ctx, j)
	}
	if !t.ns.Alive() {
		return nil, t.ended()
	}
	hint := "install openssh-sftp-server in the image"
	if errors.Is(why, errNoRuntime) {
		hint += ", or let the runner reach the container's runtime (switchyardd runner --exec runc)"
	}
	return nil, fmt.Errorf("container %q has no sftp: %s; the image has no sftp-server either: %s",
		t.name, strings.TrimSuffix(why.Error(), "."), hint)
}
