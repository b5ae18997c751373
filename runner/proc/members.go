// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// member is a live process of a session.
type member struct {
	pid   int
	group int
	fd    *pidfd
}

type members []member

// members finds the live processes of the session, in /proc. The caller closes them.
func (s *Session) members() (members, error) {
	if s.replaced() {
		return nil, nil
	}
	pids, err := pids()
	if err != nil {
		return nil, fmt.Errorf("looking for the processes of session %d: %w", s.pid, err)
	}
	var found members
	for _, pid := range pids {
		// Asking for the session first spares us opening two files for each process of the machine.
		if sid, err := unix.Getsid(pid); err != nil || sid != s.pid {
			continue
		}
		m, ok, err := s.member(pid)
		if err != nil {
			found.close()
			return nil, err
		}
		if ok {
			found = append(found, m)
		}
	}
	return found, nil
}

// replaced tells whether the leader's pid now belongs to somebody else. The kernel does not reuse a
// pid while it is a session's id, so our session has ended then.
func (s *Session) replaced() bool {
	now, err := readStat(s.pid)
	return err == nil && now.start != s.start
}

// member takes hold of a process if it is alive and belongs to the session. The order matters: see
// the package comment.
func (s *Session) member(pid int) (m member, ok bool, err error) {
	fd, err := openPidfd(pid)
	if errors.Is(err, os.ErrProcessDone) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	st, err := readStat(pid)
	if err != nil || st.session != s.pid || st.dead() || s.only != nil && !s.only(pid) {
		fd.close()
		return m, false, nil
	}
	return member{pid: pid, group: st.group, fd: fd}, true, nil
}

// leave drops those that have been detached from the session on purpose, by ignoring SIGHUP.
func (all members) leave() members {
	kept := all[:0]
	for _, m := range all {
		if ignoresHangup(m.pid) {
			m.fd.close()
			continue
		}
		kept = append(kept, m)
	}
	return kept
}

// signal does not report errors: whoever is gone is what we want, and who is not is found again.
func (all members) signal(sigs ...unix.Signal) {
	for _, m := range all {
		for _, sig := range sigs {
			m.fd.signal(sig, 0)
		}
	}
}

// wait waits until all have exited, and tells whether they have by the deadline.
func (all members) wait(deadline time.Time) bool {
	for _, m := range all {
		if m.fd.wait(unix.POLLIN, deadline) != nil {
			return false
		}
	}
	return true
}

func (all members) close() {
	for _, m := range all {
		m.fd.close()
	}
}

// pids lists all processes that /proc shows.
func pids() ([]int, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var found []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e); err == nil {
			found = append(found, pid)
		}
	}
	return found, nil
}
