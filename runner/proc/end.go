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
	// settlePause is the first pause between two looks at what an exited leader left; each next one is
	// twice as long, up to settleMaxPause, since a look reads all of /proc.
	settlePause    = 5 * time.Millisecond
	settleMaxPause = 500 * time.Millisecond
)

// End ends the session as the loss of a terminal does, but surely: every process that belongs to it
// gets SIGHUP, and SIGCONT so that a stopped one acts on it (as the kernel does, credentials(7)); those
// left after the grace get SIGKILL, until none is left. Whatever has a session of its own (setsid) or
// ignores SIGHUP (nohup) is left alone, and End does not wait for it.
//
// When the leader has exited by itself, what it left gets the grace once more, before SIGHUP: in
// "nohup server &" the shell is gone before nohup has begun, and sshd's users rely on that command.
//
// It returns within twice the grace and some seconds. The error says that processes are left that could
// not be killed, or that /proc could not be read. It may be called repeatedly, and after the leader's exit.
func (l *Leader) End(grace time.Duration) error {
	if l.Exited() {
		if done, err := l.settle(time.Now().Add(grace)); done || err != nil {
			return err
		}
	}
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

// settle waits until nothing is left that End would have to end, and tells whether that came by the
// deadline.
func (l *Leader) settle(deadline time.Time) (done bool, err error) {
	for pause := settlePause; ; pause = min(2*pause, settleMaxPause) {
		left, err := l.remaining()
		left.close()
		if err != nil || len(left) == 0 {
			return true, err
		}
		if l.testOnlySettling != nil {
			l.testOnlySettling()
		}
		rest := time.Until(deadline)
		if rest <= 0 {
			return false, nil
		}
		time.Sleep(min(pause, rest))
	}
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
