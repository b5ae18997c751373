// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sessions

import (
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/runner/cgroup"
	"switchyard/runner/proc"
	"switchyard/sshd"
)

const (
	// killWait is how long killed processes may take to go, as in package proc.
	killWait = 10 * time.Second
	// moveRounds bounds the chase of detached processes that start others while they are moved.
	moveRounds = 20
)

// Session is one process and all that it starts. Its methods are called one after another, but for Keeps and Cgroup.
type Session struct {
	k      *Keeper
	way    string
	begun  time.Time
	number uint64
	group  *cgroup.Group // nil without
	record record
	file   string        // of the record; empty: there is none
	leader *proc.Session // nil until Started
	once   sync.Once     // for End
	err    error
}

// Cgroup is the session's in the form of a runtime's "exec --cgroup"; empty: there is none that the runtime could use.
// Started moves the process itself where it was not started in it.
func (s *Session) Cgroup(runtime string) string {
	// What crun makes of a name for version 1 is another thing: it takes it for every controller.
	if s.group == nil || runtime != "runc" && s.k.tree.Version() == 1 {
		return ""
	}
	return s.k.tree.Argument(s.group.Name())
}

// Keeps tells whether End leaves everything running.
func (s *Session) Keeps() bool { return s.k.cfg.OnEnd == Keep && !s.aside() }

// Goes is what Wait says of a process that End has left running.
func (s *Session) Goes() error {
	if s.Keeps() {
		return errKept
	}
	return sshd.ErrDetached
}

// kept says that a process was not ended since none is.
type kept struct{}

var errKept = kept{}

func (kept) Error() string        { return "the command goes on without its session" }
func (kept) Is(target error) bool { return target == sshd.ErrDetached }

// SetInstance names the instance of docker exec that is about to be started.
func (s *Session) SetInstance(id string) {
	s.record.Instance = id
	s.write()
}

// Started says that the process runs, and that it leads its session.
func (s *Session) Started(l *proc.Leader) {
	s.leader = &l.Session
	s.enter(l)
	s.record.PID, s.record.Start = l.PID(), l.Start()
	s.write()
	s.k.set(s, true, false)
	s.observe(false)
}

func (s *Session) observe(failed bool) {
	if s.k.cfg.Observe != nil && !s.aside() {
		s.k.cfg.Observe(Start{Way: s.way, Failed: failed, Duration: time.Since(s.begun)})
	}
}

// enter moves what is already there of the session into its cgroup: the leader first, whom nobody escapes that it starts
// from then on.
func (s *Session) enter(l *proc.Leader) {
	if s.group == nil || s.group.Holds(l.PID()) {
		return
	}
	err := s.group.Add(l.PID(), func(int) bool { return !l.Exited() })
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.k.cfg.Log.WithError(err).Debug("moving a process into its session's cgroup")
		s.dropGroup()
		return
	}
	others, _ := l.PIDs()
	for _, pid := range others {
		if pid == l.PID() {
			continue
		}
		// What cannot be moved may have gone.
		if err := s.group.Add(pid, func(pid int) bool { return s.leads(l, pid) }); errors.Is(err, cgroup.ErrStranger) {
			s.k.cfg.Log.WithError(err).Warn("moving a session's processes into its cgroup; it goes on without")
			s.dropGroup()
			return
		}
	}
}

// leads tells whether a process is in the leader's session, and in the container.
func (s *Session) leads(l *proc.Leader, pid int) bool {
	id, err := unix.Getsid(pid)
	return err == nil && id == l.PID() && s.inContainer(pid)
}

// dropGroup goes on without a cgroup.
func (s *Session) dropGroup() {
	_ = s.group.Remove()
	s.group, s.record.Cgroup = nil, ""
}

// write writes the record. Where that fails there shall be none: an earlier one would tell the next runner that no
// process is known, and to abandon what runs. Without one it goes by the cgroup.
func (s *Session) write() {
	if s.file == "" {
		return
	}
	if err := s.record.write(s.file); err != nil {
		s.k.cfg.Log.WithError(err).Warn("writing a session's record: " + s.k.withoutRecord())
		s.forget()
	}
}

// withoutRecord says what it means that a session has none.
func (k *Keeper) withoutRecord() string {
	if k.tree == nil {
		return "should this runner be killed, the next one does not end the session's processes"
	}
	return "should this runner be killed, the next one takes the oldest process in the session's cgroup for its leader"
}

func (s *Session) forget() {
	if s.file != "" {
		os.Remove(s.file)
	}
}

// Gone says that the process was started, and had ended before it could be held.
func (s *Session) Gone() {
	s.observe(false)
	s.settle()
}

// Failed says that the process was not started. What there is of it in its cgroup is killed.
func (s *Session) Failed() {
	s.observe(true)
	if s.group != nil && s.group.Remove() != nil {
		s.err = s.group.Kill(killWait)
	}
	s.settle()
}

// End ends the session by the policy, and returns when nothing is left that it had to end. The error says that something
// is, which is then seen to. It may be called repeatedly, by several at once.
func (s *Session) End(l *proc.Leader) error {
	s.once.Do(func() {
		s.err = s.end(l)
		s.settle()
	})
	return s.err
}

func (s *Session) end(l *proc.Leader) error {
	if s.Keeps() {
		return nil
	}
	err := l.EndIn(s.k.cfg.Grace, s.box())
	if s.k.cfg.OnEnd == Kill && s.group != nil {
		err = s.group.Kill(killWait)
	}
	return err
}

// box is the cgroup for package proc; a nil one is no interface.
func (s *Session) box() proc.Box {
	if s.group == nil {
		return nil
	}
	return s.group
}

// settle puts away what is over of the session, or has the keeper see to what is left.
func (s *Session) settle() {
	left := s.err != nil
	if s.group != nil {
		left = !s.empty()
	}
	s.k.set(s, false, left)
	if !left {
		s.forget()
	}
}

// empty moves what was left on purpose out of the cgroup, and tells whether that could be removed.
func (s *Session) empty() bool {
	for range moveRounds {
		if !errors.Is(s.group.Remove(), unix.EBUSY) {
			return true
		}
		if s.moveDetached() {
			return false
		}
	}
	return false
}

// moveDetached moves what does not belong to the session any more, and tells whether all that is left does.
func (s *Session) moveDetached() (stuck bool) {
	pids, _ := s.group.PIDs()
	stuck = len(pids) > 0
	for _, pid := range pids {
		if s.isLeft(pid) {
			continue
		}
		stuck = false
		if to, err := s.k.tree.Make(Detached); err == nil {
			_ = to.Add(pid, s.group.Holds) // it may have gone, and its children are found in the next round
		}
	}
	return stuck
}

// isLeft tells whether a process in the session's cgroup should have been ended.
func (s *Session) isLeft(pid int) bool {
	switch {
	case s.Keeps():
		return false
	case s.k.cfg.OnEnd == Kill || s.leader == nil:
		return true
	}
	return s.leader.Owns(pid)
}

// again kills once more what should have been ended, and tells whether nothing is left.
func (s *Session) again() bool {
	switch {
	case s.group != nil && s.empty():
		return true
	case s.group != nil && (s.k.cfg.OnEnd == Kill || s.leader == nil):
		_ = s.group.Kill(0)
	case s.leader != nil:
		_ = s.leader.KillOnce(s.box())
	}
	return len(s.remaining()) == 0 && (s.group == nil || s.empty())
}

// remaining lists what is left of a session that has been ended.
func (s *Session) remaining() (pids []int) {
	switch {
	case s.group != nil:
		pids, _ = s.group.PIDs()
	case s.leader != nil:
		pids, _ = s.leader.PIDs()
		pids = slices.DeleteFunc(pids, func(pid int) bool { return !s.leader.Owns(pid) })
	}
	return pids
}
