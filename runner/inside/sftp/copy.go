// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"io"
	"math"

	"golang.org/x/sys/unix"
)

// copyData is copy-data: from a file that is open to another, without the client. A length of zero is all to the end.
func (s *server) copyData(f *fields) error {
	from, fromErr := s.file(f)
	offset, length := f.offset(), f.uint64()
	to, toErr := s.file(f)
	at := f.offset()
	switch {
	case fromErr != nil || toErr != nil || f.bad:
		return firstOf(fromErr, toErr, f.err())
	case from == to || from.path == to.path || areOne(from.fd, to.fd):
		return statusFailure // what would be copied is being written
	}
	if length == 0 {
		return copyRange(from.fd, offset, to.fd, at, math.MaxUint64, nil)
	}
	return copyRange(from.fd, offset, to.fd, at, length, io.EOF)
}

// areOne tells whether two descriptors are of one file: of two hard links, say, the one would grow as it is read.
func areOne(a, b int) bool {
	var first, second unix.Stat_t
	return unix.Fstat(a, &first) == nil && unix.Fstat(b, &second) == nil && first.Dev == second.Dev && first.Ino == second.Ino &&
		first.Mode&unix.S_IFMT == unix.S_IFREG
}

// copyStep is how much one call copies at most, in bytes.
const copyStep = 1 << 30

// copyRange copies by the kernel where the file systems can, and else by hand. short is the error of an end before
// all has been copied.
func copyRange(from int, offset int64, to int, at int64, length uint64, short error) error {
	holes := mayLeaveHoles(from, to)
	for length > 0 {
		step := min(length, copyStep)
		if holes {
			hole, data := extent(from, offset)
			if hole = min(hole, length); hole > 0 && leaveHole(to, at, hole) {
				offset, at, length = offset+int64(hole), at+int64(hole), length-hole
				continue
			}
			step = min(step, data)
		}
		n, err := retry(func() (int, error) {
			return unix.CopyFileRange(from, &offset, to, &at, int(step), 0)
		})
		switch {
		case err == unix.EXDEV || err == unix.EINVAL || err == unix.ENOSYS || err == unix.EOPNOTSUPP || err == unix.EBADF || err == nil && n == 0:
			// Nothing is also what files without a size give, such as those of /proc; EBADF, one opened to append.
			return copyByHand(from, offset, to, at, length, short)
		case err != nil:
			return err
		}
		length -= uint64(n)
	}
	return nil
}

func copyByHand(from int, offset int64, to int, at int64, length uint64, short error) error {
	buf := make([]byte, 256<<10)
	for length > 0 {
		n, err := retry(func() (int, error) { return unix.Pread(from, buf[:min(length, uint64(len(buf)))], offset) })
		if err != nil {
			return err
		}
		if n == 0 {
			return short
		}
		for b := buf[:n]; len(b) > 0; {
			m, err := retry(func() (int, error) { return unix.Pwrite(to, b, at) })
			if err != nil {
				return err
			}
			b, at = b[m:], at+int64(m)
		}
		offset, length = offset+int64(n), length-uint64(n)
	}
	return nil
}
