// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Signal sends a signal to the leader alone. The error matches os.ErrProcessDone when it is gone.
func (l *Leader) Signal(sig unix.Signal) error { return l.fd.signal(sig, 0) }

// SignalForeground sends a signal to the foreground process group of the session's terminal, or to
// the leader's own group when the session has no terminal. The error matches os.ErrProcessDone when
// there is nobody in it.
//
// The group is field 8 of the leader's stat, because TIOCGPGRP needs a descriptor of the terminal,
// which may be in an engine's hands. Both translate the id for whoever asks, so a
// terminal in a pid namespace below is no different.
func (l *Leader) SignalForeground(sig unix.Signal) error {
	s, err := readStat(l.pid)
	switch {
	case err == nil && s.start == l.start && s.tpgid > 0 && s.tpgid != l.pid:
		return l.signalGroup(s.tpgid, sig)
	case err != nil && !errors.Is(err, os.ErrProcessDone):
		return err
	}
	return l.signalOwnGroup(sig)
}

// signalOwnGroup works after the leader's death too, as long as its group has a member.
func (l *Leader) signalOwnGroup(sig unix.Signal) error {
	err := l.fd.signal(sig, unix.PIDFD_SIGNAL_PROCESS_GROUP)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.9
		return l.signalMembers(l.pid, sig)
	}
	return err
}

// signalGroup signals a group of this session by way of its leader where it has one left.
func (l *Leader) signalGroup(group int, sig unix.Signal) error {
	fd, err := openPidfd(group)
	if err != nil {
		// The group's leader is gone, as that of "true | cat" is, but the group is not.
		return l.signalMembers(group, sig)
	}
	defer fd.close()
	if s, err := readStat(group); err != nil || s.session != l.pid {
		return l.signalMembers(group, sig)
	}
	err = fd.signal(sig, unix.PIDFD_SIGNAL_PROCESS_GROUP)
	if errors.Is(err, unix.EINVAL) {
		return l.signalMembers(group, sig)
	}
	return err
}

// signalMembers signals a group of this session one by one.
func (l *Leader) signalMembers(group int, sig unix.Signal) error {
	all, err := l.members()
	if err != nil {
		return err
	}
	defer all.close()
	sent := false
	for _, m := range all {
		if m.group == group && m.fd.signal(sig, 0) == nil {
			sent = true
		}
	}
	if !sent {
		return fmt.Errorf("signalling process group %d: %w", group, os.ErrProcessDone)
	}
	return nil
}
