// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"io"

	"golang.org/x/sys/unix"
)

// openFlags are open(2)'s for pflags. Without O_NONBLOCK the open of a FIFO would wait for its other end, and with
// it this whole server, for a file that it can neither read nor write at an offset; O_NOCTTY keeps a
// terminal from becoming ours.
func openFlags(pflags uint32) int {
	flags := unix.O_RDONLY
	switch {
	case pflags&fxfRead != 0 && pflags&fxfWrite != 0:
		flags = unix.O_RDWR
	case pflags&fxfWrite != 0:
		flags = unix.O_WRONLY
	}
	for bit, flag := range map[uint32]int{
		fxfAppend: unix.O_APPEND, fxfCreat: unix.O_CREAT, fxfTrunc: unix.O_TRUNC, fxfExcl: unix.O_EXCL,
	} {
		if pflags&bit != 0 {
			flags |= flag
		}
	}
	return flags | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
}

func (s *server) open(id uint32, f *fields) error {
	path, pflags, a := f.path(), f.uint32(), f.attrs()
	if f.bad {
		return statusBadMessage
	}
	fd, err := retry(func() (int, error) { return unix.Open(path, openFlags(pflags), a.modeOr(0o666)) })
	if err != nil {
		return err
	}
	return s.opened(id, &handle{fd: fd, path: path})
}

// read answers with at most as much as fits into a packet: a client must be ready for less than it asked for.
func (s *server) read(id uint32, f *fields) error {
	h, err := s.file(f)
	offset, n := f.offset(), f.uint32()
	if err != nil || f.bad {
		return firstOf(err, f.err())
	}
	at := s.out.begin(fxpData, id)
	s.out.uint32(0)
	length := len(s.out.b)
	n = min(n, maxData)
	got, err := retry(func() (int, error) { return unix.Pread(h.fd, s.out.room(int(n)), offset) })
	switch {
	case err != nil:
		return err
	case got == 0 && n > 0:
		return io.EOF
	}
	s.out.grow(got)
	putUint32(s.out.b[length-4:], uint32(got))
	s.out.end(at)
	return nil
}

// write writes all or says why not. Where the file was opened to append, the system does not heed the offset.
func (s *server) write(f *fields) error {
	h, err := s.file(f)
	offset, data := f.offset(), f.bytes()
	if err != nil || f.bad {
		return firstOf(err, f.err())
	}
	for len(data) > 0 {
		n, err := retry(func() (int, error) { return unix.Pwrite(h.fd, data, offset) })
		if err != nil {
			return err
		}
		data, offset = data[n:], offset+int64(n)
	}
	return nil
}
