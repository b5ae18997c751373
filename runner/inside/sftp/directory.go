// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"bytes"
	"encoding/binary"
	"io"

	"golang.org/x/sys/unix"
)

// directory is what an open directory has given.
type directory struct {
	b    []byte // entries of getdents64(2) that were not told yet
	buf  []byte
	list *lister
}

func (s *server) opendir(id uint32, f *fields) error {
	path := f.path()
	if f.bad {
		return statusBadMessage
	}
	fd, err := retry(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	})
	if err != nil {
		return err
	}
	return s.opened(id, &handle{fd: fd, path: path, dir: &directory{}})
}

// readdir answers with as many names as one packet may have, "." and ".." among them.
func (s *server) readdir(id uint32, f *fields) error {
	h := s.handles.find(f.bytes())
	switch {
	case f.bad:
		return statusBadMessage
	case h == nil || h.dir == nil:
		return statusFailure
	}
	at := s.out.begin(fxpName, id)
	s.out.uint32(0)
	count, n := len(s.out.b), uint32(0)
	for len(s.out.b)-at < maxNames {
		name, err := h.dir.next(h.fd)
		if err == io.EOF && n > 0 {
			break
		}
		if err != nil {
			return err
		}
		if s.tell(h, name) {
			n++
		}
	}
	putUint32(s.out.b[count-4:], n)
	s.out.end(at)
	return nil
}

// tell adds an entry to the answer, unless it has gone meanwhile.
func (s *server) tell(h *handle, name string) bool {
	var st unix.Stat_t
	if unix.Fstatat(h.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return false
	}
	if h.dir.list == nil {
		h.dir.list = newLister()
	}
	s.out.string(name)
	s.out.string(h.dir.list.line(name, &st))
	s.out.attrs(attrsOf(&st))
	return true
}

// direntHead is what precedes the name of an entry: inode, offset, length and type (getdents(2)).
const direntHead = 8 + 8 + 2 + 1

// next is the next name, or io.EOF.
func (d *directory) next(fd int) (string, error) {
	if len(d.b) < direntHead {
		if d.buf == nil {
			d.buf = make([]byte, 32<<10)
		}
		n, err := retry(func() (int, error) { return unix.Getdents(fd, d.buf) })
		if err == nil && n <= 0 {
			err = io.EOF
		}
		if err != nil {
			return "", err
		}
		d.b = d.buf[:n]
	}
	size := int(binary.NativeEndian.Uint16(d.b[16:]))
	if size < direntHead || size > len(d.b) {
		return "", unix.EIO
	}
	name, _, _ := bytes.Cut(d.b[direntHead:size], []byte{0})
	d.b = d.b[size:]
	return string(name), nil
}
