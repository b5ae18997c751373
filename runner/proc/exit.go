// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"syscall"

	"golang.org/x/sys/unix"

	"switchyard/sshd"
)

// ExitOf says how a process ended, in SSH's words.
func ExitOf(ws syscall.WaitStatus) sshd.Exit {
	if !ws.Signaled() {
		return sshd.Exit{Code: ws.ExitStatus()}
	}
	return sshd.Exit{
		Signal:     SignalName(ws.Signal()),
		CoreDumped: ws.CoreDump(),
		Message:    ws.Signal().String(),
	}
}

// exitInfo asks the kernel how a reaped process ended: PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux 6.15.
func (p *pidfd) exitInfo() (ws syscall.WaitStatus, known bool) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	err := p.raw.Control(func(fd uintptr) {
		known = unix.IoctlPidfdInfo(int(fd), &info) == nil && info.Mask&unix.PIDFD_INFO_EXIT != 0
	})
	return syscall.WaitStatus(info.Exit_code), err == nil && known
}

// zombieInfo looks into /proc for the status of a process that has exited and waits for its parent to
// collect it. It serves kernels before 6.15, where it is a race that can be lost.
func zombieInfo(pid int, start uint64) (ws syscall.WaitStatus, known bool) {
	s, err := readStat(pid)
	if err != nil || s.state != 'Z' || s.start != start || !mayTrace() {
		return 0, false
	}
	return syscall.WaitStatus(s.exitCode), true
}

// mayTrace tells whether /proc shows us the exit codes of all processes. To others it shows 0,
// which could not be told from success.
func mayTrace() bool { return unix.Geteuid() == 0 }
