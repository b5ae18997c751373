// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import "golang.org/x/sys/unix"

func (s *server) statvfs(id uint32, f *fields) error {
	path := f.path()
	if f.bad {
		return statusBadMessage
	}
	var st unix.Statfs_t
	if err := retryErr(func() error { return unix.Statfs(path, &st) }); err != nil {
		return err
	}
	s.answerStatvfs(id, &st)
	return nil
}

func (s *server) fstatvfs(id uint32, f *fields) error {
	h, err := s.file(f)
	if err != nil {
		return err
	}
	var st unix.Statfs_t
	if err := retryErr(func() error { return unix.Fstatfs(h.fd, &st) }); err != nil {
		return err
	}
	s.answerStatvfs(id, &st)
	return nil
}

// Bits of statvfs's f_flag, OpenSSH's PROTOCOL file section 4.4.
const (
	vfsReadOnly = 0x1
	vfsNoSetUID = 0x2
)

func (s *server) answerStatvfs(id uint32, st *unix.Statfs_t) {
	fragment := uint64(st.Frsize)
	if fragment == 0 { // file systems from before there was the field
		fragment = uint64(st.Bsize)
	}
	fsid := uint64(uint32(st.Fsid.Val[0])) | uint64(uint32(st.Fsid.Val[1]))<<32
	at := s.out.begin(fxpExtendedReply, id)
	for _, n := range []uint64{
		uint64(st.Bsize), fragment, st.Blocks, st.Bfree, st.Bavail, st.Files, st.Ffree, st.Ffree,
		fsid, vfsFlags(st), uint64(st.Namelen),
	} {
		s.out.uint64(n)
	}
	s.out.end(at)
}

func vfsFlags(st *unix.Statfs_t) (flags uint64) {
	if st.Flags&unix.ST_RDONLY != 0 {
		flags |= vfsReadOnly
	}
	if st.Flags&unix.ST_NOSUID != 0 {
		flags |= vfsNoSetUID
	}
	return flags
}
