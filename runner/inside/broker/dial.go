// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package broker

import "golang.org/x/sys/unix"

// dial connects to a socket. Where its queue is full, that is EAGAIN and no wait, as with sshd.
func dial(path string) (fd int, err error) {
	if err := check(path); err != nil {
		return -1, err
	}
	if len(path) > maxAddress-2 {
		long, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, err
		}
		defer unix.Close(long)
		path = through(long)
	}
	fd, err = newSocket()
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: literal(path)}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func newSocket() (fd int, err error) {
	return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}
