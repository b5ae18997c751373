// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"math"

	"golang.org/x/sys/unix"
)

// mayLeaveHoles tells whether a copy may skip what was never written: between files, unless the copy is appended. Some
// file systems copy holes as zeros (copy_file_range(2)), so that the image of a disk would take its whole size.
func mayLeaveHoles(from, to int) bool {
	reads, err := unix.FcntlInt(uintptr(from), unix.F_GETFL, 0)
	if err != nil || reads&unix.O_ACCMODE == unix.O_WRONLY {
		return false
	}
	writes, err := unix.FcntlInt(uintptr(to), unix.F_GETFL, 0)
	return err == nil && writes&unix.O_ACCMODE != unix.O_RDONLY && writes&unix.O_APPEND == 0 && isFile(from) && isFile(to)
}

func isFile(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}

// extent is what follows an offset: a hole of so many bytes, or else data of so many at most. Where the file system
// does not tell, all is data (lseek(2), SEEK_DATA). It moves the descriptor's own offset, which nothing here uses.
func extent(fd int, offset int64) (hole, data uint64) {
	at, err := unix.Seek(fd, offset, unix.SEEK_DATA)
	if err == unix.ENXIO { // no more data: all to the end is a hole
		at, err = unix.Seek(fd, 0, unix.SEEK_END)
	}
	if err == nil && at > offset {
		return uint64(at - offset), math.MaxUint64
	}
	if at, err = unix.Seek(fd, offset, unix.SEEK_HOLE); err == nil && at > offset {
		return 0, uint64(at - offset)
	}
	return 0, math.MaxUint64
}

// leaveHole makes a file longer by a hole, where it ends at or before that. Anywhere else zeros must be written over
// what is there.
func leaveHole(fd int, at int64, length uint64) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Size > at || length > uint64(math.MaxInt64-at) {
		return false
	}
	return retryErr(func() error { return unix.Ftruncate(fd, at+int64(length)) }) == nil
}
