// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"bytes"
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/runner/proc"
)

// runtimesName begins the name of a process that runc has prepared and that is not the program yet (PR_SET_NAME in runc's
// nsexec.c). crun's has crun's name, and what a signal does to it is what it would do to the program.
var runtimesName = []byte("runc:[")

// programWait bounds the wait for a program. It is far more than an execve(2) takes.
const programWait = 2 * time.Second

// awaitProgram waits until a process is the program that was asked for, or has ended. Before, a signal meets runc, whose
// Go runtime ignores some and makes exit codes of others. It takes as long as an execve(2), and mostly is over. A program
// of the image may have such a name itself, which costs it the most that is waited, in which it runs already.
func awaitProgram(ctx context.Context, leader *proc.Leader, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for ctx.Err() == nil && !leader.Exited() && isRuntimes(leader.PID()) {
		_ = unix.Nanosleep(&unix.Timespec{Nsec: gatePause.Nanoseconds()}, nil)
	}
}

func isRuntimes(pid int) bool {
	name, err := os.ReadFile(procPath(pid, "comm"))
	return err == nil && bytes.HasPrefix(name, runtimesName)
}
