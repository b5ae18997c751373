// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netns

import (
	"os"

	"golang.org/x/sys/unix"
)

// entering has a token for each thread that is making a socket: that takes
// microseconds, so a few threads serve thousands of dials.
var entering = make(chan struct{}, 16)

// socket makes a socket in the process's network namespace. A socket stays in
// the namespace that it was made in, so nothing else has to happen there: no
// thread is held while a connection is being made.
func (p *Process) socket(family, kind int) (fd int, err error) {
	entering <- struct{}{}
	defer func() { <-entering }()
	onThread(func() bool {
		if err = p.enter(unix.CLONE_NEWNET); err != nil {
			return true
		}
		fd, err = unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			err = os.NewSyscallError("socket", err)
		}
		return unix.Setns(int(p.home.Fd()), unix.CLONE_NEWNET) == nil
	})
	if err != nil {
		return -1, err
	}
	return fd, nil
}
