// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"fmt"
	"os"
	"time"
)

// Session is the processes of a session, whose leader may have exited. All methods may be called concurrently.
type Session struct {
	pid   int    // the leader's, and the session's id
	start uint64 // with the pid, this tells the leader from a later process
	// only tells which processes can belong to it at all; nil: any.
	only func(pid int) bool

	testOnlySettling func() // called after each look of settle that found something
}

// Box holds processes still. A control group is one.
type Box interface {
	// Freeze returns when they stand still, or cannot be made to. Each Freeze needs a Thaw.
	Freeze()
	Thaw()
}

// Lost is the session that a process with this pid and start once led, as Leader.PID and Leader.Start told. If only
// is not nil, no other process is taken for one of the session's: the pid may since have led another session that
// has lost its leader as well, which nothing else would tell.
func Lost(pid int, start uint64, only func(pid int) bool) *Session {
	return &Session{pid: pid, start: start, only: only}
}

// End ends a session as Leader.End does, but without the time for what an exited leader left: that was
// left long ago. box, if not nil, holds at least the session's processes, and is frozen for each look at them for
// SIGKILL, so that processes which start others faster than they are found are all found.
func (s *Session) End(grace time.Duration, box Box) error {
	if done, err := s.hangUp(time.Now().Add(grace)); done || err != nil {
		return err
	}
	for range killRounds {
		left, err := s.kill(box)
		if err != nil || len(left) == 0 {
			return err
		}
		ended := left.wait(time.Now().Add(killWait))
		left.close()
		if !ended {
			break
		}
	}
	return fmt.Errorf("ending session %d: processes of it are left after SIGKILL", s.pid)
}

// Owns tells whether a live process belongs to the session and has not been detached from it.
func (s *Session) Owns(pid int) bool {
	if s.replaced() || s.only != nil && !s.only(pid) {
		return false
	}
	st, err := readStat(pid)
	return err == nil && st.session == s.pid && !st.dead() && !ignoresHangup(pid)
}

// PIDs lists the live processes of the session, those that ignore SIGHUP among them.
func (s *Session) PIDs() ([]int, error) {
	all, err := s.members()
	if err != nil {
		return nil, err
	}
	defer all.close()
	pids := make([]int, 0, len(all))
	for _, m := range all {
		pids = append(pids, m.pid)
	}
	return pids, nil
}

// Alive tells whether a process with this pid and this start is there and has not exited.
func Alive(pid int, start uint64) bool {
	s, err := readStat(pid)
	return err == nil && s.start == start && !s.dead()
}

// StartOf is when a process started, in clock ticks after boot. The error matches os.ErrProcessDone when there is none.
func StartOf(pid int) (uint64, error) {
	s, err := readStat(pid)
	return s.start, err
}

// Self is this process's own pid and start.
func Self() (pid int, start uint64, err error) {
	s, err := readStat(os.Getpid())
	return os.Getpid(), s.start, err
}

// KillOnce sends SIGKILL to what End would end, and waits for nobody.
func (s *Session) KillOnce(box Box) error {
	left, err := s.kill(box)
	left.close()
	return err
}

// Census counts the live processes of every session, by its id.
func Census() (map[int]int, error) {
	all, err := pids()
	count := map[int]int{}
	for _, pid := range all {
		if s, err := readStat(pid); err == nil && !s.dead() {
			count[s.session]++
		}
	}
	return count, err
}
