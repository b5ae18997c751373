// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// futimens sets the times of an open file (utimensat(2) without a path), which may have another name by now.
func futimens(fd int, t []unix.Timespec) error {
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&t[0])), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// lchmod is chmod that follows no symbolic link, and refuses one, as fchmodat(3) of the C library: the kernel has
// a call for it only since 6.6.
func lchmod(path string, mode uint32) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return unix.EOPNOTSUPP
	}
	return unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), mode)
}
