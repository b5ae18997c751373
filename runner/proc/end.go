// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
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
func (l *Leader) End(grace time.Duration) error { return l.EndIn(grace, nil) }

// EndIn is End with a box, which may be nil: see Session.End.
func (l *Leader) EndIn(grace time.Duration, box Box) error {
	if l.Exited() {
		if done, err := l.settle(time.Now().Add(grace)); done || err != nil {
			return err
		}
	}
	return l.Session.End(grace, box)
}

// settle waits until nothing is left that End would have to end, and tells whether that came by the
// deadline.
func (s *Session) settle(deadline time.Time) (done bool, err error) {
	for pause := settlePause; ; pause = min(2*pause, settleMaxPause) {
		left, err := s.remaining()
		left.close()
		if err != nil || len(left) == 0 {
			return true, err
		}
		if s.testOnlySettling != nil {
			s.testOnlySettling()
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
func (s *Session) hangUp(deadline time.Time) (done bool, err error) {
	for {
		left, err := s.remaining()
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

// kill sends SIGKILL to those that are left, which the caller closes.
func (s *Session) kill(box Box) (members, error) {
	if box != nil {
		box.Freeze()
		defer box.Thaw() // a frozen process does not die
	}
	left, err := s.remaining()
	if err != nil {
		return nil, err
	}
	left.signal(unix.SIGKILL)
	return left, nil
}

// remaining finds the processes that End has to end.
func (s *Session) remaining() (members, error) {
	all, err := s.members()
	return all.leave(), err
}
