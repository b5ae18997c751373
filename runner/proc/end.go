// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// killWait is how long a killed process may take to go. One that is stuck in the kernel, such as
	// on a file server that does not answer, takes longer.
	killWait = 10 * time.Second
	// killRounds bounds the chase of processes that start others faster than they are found.
	killRounds = 100
)

// End ends the session as the loss of a terminal does, but surely: every process that belongs to it
// gets SIGHUP, and SIGCONT so that a stopped one acts on it (as the kernel does, credentials(7)); those
// left after the grace get SIGKILL, until none is left. Whatever has a session of its own (setsid) or
// ignores SIGHUP (nohup) is left alone, and End does not wait for it.
//
// It returns within the grace and some seconds. The error says that processes are left that could not
// be killed, or that /proc could not be read. It may be called repeatedly, and after the leader's exit.
func (l *Leader) End(grace time.Duration) error {
	if done, err := l.hangUp(time.Now().Add(grace)); done || err != nil {
		return err
	}
	for range killRounds {
		left, err := l.remaining()
		if err != nil || len(left) == 0 {
			return err
		}
		left.signal(unix.SIGKILL)
		ended := left.wait(time.Now().Add(killWait))
		left.close()
		if !ended {
			break
		}
	}
	return fmt.Errorf("ending session %d: processes of it are left after SIGKILL", l.pid)
}

// hangUp sends SIGHUP, round by round, since a process may start another before it goes. It tells
// whether none is left by the deadline.
func (l *Leader) hangUp(deadline time.Time) (done bool, err error) {
	for {
		left, err := l.remaining()
		if err != nil || len(left) == 0 {
			return true, err
		}
		left.signal(unix.SIGHUP, unix.SIGCONT)
		ended := left.wait(deadline)
		left.close()
		if !ended {
			return false, nil
		}
	}
}

// remaining finds the processes that End has to end.
func (l *Leader) remaining() (members, error) {
	all, err := l.members()
	return all.leave(), err
}
