// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package broker

import (
	"golang.org/x/sys/unix"
)

// backlog is how many connections wait to be taken, as in OpenSSH (SSH_LISTEN_BACKLOG).
const backlog = 128

// listen makes a socket at a path.
func (s *server) listen(id uint64, path string, unlink bool) (fd int, err error) {
	dir, base, err := split(path)
	if err != nil {
		return -1, err
	}
	parent, err := openDir(dir)
	if err != nil {
		return -1, err
	}
	if unlink {
		if err := unlinkSocket(parent, base); err != nil {
			unix.Close(parent)
			return -1, err
		}
	}
	if len(path) > maxAddress-2 {
		path = through(parent) + "/" + base
	}
	fd, err = bind(path)
	if err == nil {
		err = s.made.add(id, parent, base, "")
	} else {
		unix.Close(parent)
	}
	if err != nil && fd >= 0 {
		unix.Close(fd)
		fd = -1
	}
	return fd, err
}

// unlinkSocket makes way for a socket where an old one is in it, and only then.
func unlinkSocket(parent int, base string) error {
	var st unix.Stat_t
	switch err := unix.Fstatat(parent, base, &st, unix.AT_SYMLINK_NOFOLLOW); {
	case err == unix.ENOENT:
		return nil
	case err != nil:
		return err
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return unix.EEXIST
	}
	return unix.Unlinkat(parent, base, 0)
}

// bind makes a listening socket. Its mode is what the umask leaves, from the first moment.
func bind(path string) (fd int, err error) {
	if len(path) > maxAddress {
		return -1, unix.ENAMETOOLONG // the last name alone is too long
	}
	fd, err = newSocket()
	if err != nil {
		return -1, err
	}
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: literal(path)}); err == unix.EADDRINUSE {
		err = unix.EEXIST // what the address is, is a file
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
