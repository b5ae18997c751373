// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"golang.org/x/sys/unix"
)

func (s *server) remove(f *fields) error {
	path := f.path()
	if f.bad {
		return statusBadMessage
	}
	return retryErr(func() error { return unix.Unlink(path) })
}

func (s *server) mkdir(f *fields) error {
	path, a := f.path(), f.attrs()
	if f.bad {
		return statusBadMessage
	}
	return retryErr(func() error { return unix.Mkdir(path, a.modeOr(0o777)) })
}

func (s *server) rmdir(f *fields) error {
	path := f.path()
	if f.bad {
		return statusBadMessage
	}
	return retryErr(func() error { return unix.Rmdir(path) })
}

// symlink takes its arguments in the order that OpenSSH's server and client do, which is not the draft's: what the
// link says comes first.
func (s *server) symlink(f *fields) error {
	says, path := f.path(), f.path()
	if f.bad {
		return statusBadMessage
	}
	return retryErr(func() error { return unix.Symlink(says, path) })
}

func (s *server) readlink(id uint32, f *fields) error {
	path := f.path()
	if f.bad {
		return statusBadMessage
	}
	says, err := readlink(path)
	if err != nil {
		return err
	}
	s.out.name(id, says)
	return nil
}

func readlink(path string) (string, error) {
	b := make([]byte, unix.PathMax)
	n, err := retry(func() (int, error) { return unix.Readlink(path, b) })
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

// rename does not replace what has the new name (draft section 6.5).
func (s *server) rename(f *fields) error {
	from, to := f.path(), f.path()
	if f.bad {
		return statusBadMessage
	}
	err := retryErr(func() error {
		return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	})
	if err == unix.EINVAL || err == unix.ENOSYS {
		return renameUnlessThere(from, to)
	}
	return err
}

// renameUnlessThere is for file systems that cannot do it in one step.
func renameUnlessThere(from, to string) error {
	var st unix.Stat_t
	switch err := unix.Lstat(to, &st); err {
	case unix.ENOENT:
		return retryErr(func() error { return unix.Rename(from, to) })
	case nil:
		return unix.EEXIST
	default:
		return err
	}
}

// posixRename is posix-rename@openssh.com: rename(2).
func (s *server) posixRename(f *fields) error {
	from, to := f.path(), f.path()
	if f.bad {
		return statusBadMessage
	}
	return retryErr(func() error { return unix.Rename(from, to) })
}

// hardlink is hardlink@openssh.com.
func (s *server) hardlink(f *fields) error {
	from, to := f.path(), f.path()
	if f.bad {
		return statusBadMessage
	}
	return retryErr(func() error { return unix.Link(from, to) })
}
