// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"math"

	"golang.org/x/sys/unix"
)

func (s *server) stat(id uint32, f *fields) error { return s.statPath(id, f, 0) }
func (s *server) lstat(id uint32, f *fields) error {
	return s.statPath(id, f, unix.AT_SYMLINK_NOFOLLOW)
}

func (s *server) statPath(id uint32, f *fields, flags int) error {
	path := f.path()
	if f.bad {
		return statusBadMessage
	}
	var st unix.Stat_t
	if err := retryErr(func() error { return unix.Fstatat(unix.AT_FDCWD, path, &st, flags) }); err != nil {
		return err
	}
	s.answerAttrs(id, &st)
	return nil
}

func (s *server) fstat(id uint32, f *fields) error {
	h, err := s.file(f)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := retryErr(func() error { return unix.Fstat(h.fd, &st) }); err != nil {
		return err
	}
	s.answerAttrs(id, &st)
	return nil
}

func (s *server) answerAttrs(id uint32, st *unix.Stat_t) {
	at := s.out.begin(fxpAttrs, id)
	s.out.attrs(attrsOf(st))
	s.out.end(at)
}

// changer sets the attributes of one file.
type changer struct {
	truncate func(size int64) error
	chown    func(uid, gid int) error
	chmod    func(mode uint32) error
	utimes   func([]unix.Timespec) error
}

// apply sets what the attributes name. Each is tried, and the last failure told, as by OpenSSH; but the
// owner comes before the mode, since chown(2) takes set-user-ID off.
func (c changer) apply(a attrs) (failed error) {
	try := func(flag uint32, change func() error) {
		if a.has(flag) {
			if err := retryErr(change); err != nil {
				failed = err
			}
		}
	}
	try(attrSize, func() error {
		if a.size > math.MaxInt64 {
			return unix.EINVAL
		}
		return c.truncate(int64(a.size))
	})
	try(attrUIDGID, func() error { return c.chown(int(int32(a.uid)), int(int32(a.gid))) })
	try(attrPermissions, func() error { return c.chmod(a.mode & permissions) })
	try(attrTimes, func() error { return c.utimes([]unix.Timespec{{Sec: int64(a.atime)}, {Sec: int64(a.mtime)}}) })
	return failed
}

func (s *server) setstat(f *fields) error {
	path, a := f.path(), f.attrs()
	if f.bad {
		return statusBadMessage
	}
	return changer{
		truncate: func(size int64) error { return unix.Truncate(path, size) },
		chown:    func(uid, gid int) error { return unix.Chown(path, uid, gid) },
		chmod:    func(mode uint32) error { return unix.Chmod(path, mode) },
		utimes:   func(t []unix.Timespec) error { return unix.UtimesNanoAt(unix.AT_FDCWD, path, t, 0) },
	}.apply(a)
}

func (s *server) fsetstat(f *fields) error {
	h, err := s.file(f)
	a := f.attrs()
	if err != nil || f.bad {
		return firstOf(err, f.err())
	}
	return changer{
		truncate: func(size int64) error { return unix.Ftruncate(h.fd, size) },
		chown:    func(uid, gid int) error { return unix.Fchown(h.fd, uid, gid) },
		chmod:    func(mode uint32) error { return unix.Fchmod(h.fd, mode) },
		utimes:   func(t []unix.Timespec) error { return futimens(h.fd, t) },
	}.apply(a)
}

// lsetstat is lsetstat@openssh.com: setstat of a symbolic link itself.
func (s *server) lsetstat(f *fields) error {
	path, a := f.path(), f.attrs()
	if f.bad || a.has(attrSize) { // a link has no size to set
		return statusBadMessage
	}
	return changer{
		chown: func(uid, gid int) error { return unix.Lchown(path, uid, gid) },
		chmod: func(mode uint32) error { return lchmod(path, mode) },
		utimes: func(t []unix.Timespec) error {
			return unix.UtimesNanoAt(unix.AT_FDCWD, path, t, unix.AT_SYMLINK_NOFOLLOW)
		},
	}.apply(a)
}
