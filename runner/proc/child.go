// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// childInfo is the siginfo_t that waitid(2) fills in, as it is on 64-bit Linux.
type childInfo struct {
	_      [2]int32 // si_signo, si_errno
	code   int32    // si_code
	_      int32
	pid    int32
	_      uint32 // si_uid
	status int32
	_      [100]byte
}

// Values of si_code for SIGCHLD, sigaction(2).
const (
	cldExited = 1
	cldDumped = 3
)

// PeekChild says how a child of the caller's own ended, and leaves it to be reaped: until then its pid
// cannot pass to another process. The child must have exited.
func PeekChild(pid int) (syscall.WaitStatus, error) {
	info := childInfo{}
	const options = unix.WEXITED | unix.WNOWAIT | unix.WNOHANG
	err := unix.Waitid(unix.P_PID, pid, (*unix.Siginfo)(unsafe.Pointer(&info)), options, nil)
	if err != nil {
		return 0, fmt.Errorf("asking how process %d ended: %w", pid, err)
	}
	switch {
	case info.pid == 0:
		return 0, fmt.Errorf("asking how process %d ended: it is still running", pid)
	case info.code == cldExited:
		return syscall.WaitStatus(info.status << 8), nil
	case info.code == cldDumped:
		return syscall.WaitStatus(info.status | 0x80), nil
	}
	return syscall.WaitStatus(info.status), nil
}
