// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package broker

import (
	"crypto/rand"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// A private directory's name, and the places where one can be: the last is the only one in a read-only image without
// a /tmp of its own.
const privatePrefix = "switchyard-"

var privatePlaces = []string{"/tmp", "/var/tmp", "/dev/shm"}

// private makes something called name in a new directory that nobody else can enter, in the first place where that
// works. The error is that of the first place.
func (s *server) private(id uint64, name string, makeIn func(dir int, path string) (fd int, err error)) (int, string, error) {
	if _, base, err := split(name); err != nil || base != name {
		return -1, "", unix.EINVAL
	}
	var first error
	for _, place := range places() {
		fd, full, err := s.privateAt(id, place, name, makeIn)
		if err == nil {
			return fd, full, nil
		}
		if first == nil {
			first = err
		}
	}
	return -1, "", first
}

func places() []string {
	if own := os.Getenv("TMPDIR"); path.IsAbs(own) {
		return append([]string{own}, privatePlaces...)
	}
	return privatePlaces
}

func (s *server) privateAt(id uint64, place, name string, makeIn func(int, string) (int, error)) (int, string, error) {
	dir, where, err := makeDir(place)
	if err != nil {
		return -1, "", err
	}
	full := where + "/" + name
	fd, err := makeIn(dir, full)
	if err != nil {
		unix.Close(dir)
		_ = unix.Rmdir(where)
		return -1, "", err
	}
	if err := s.made.add(id, dir, name, where); err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return -1, "", err
	}
	return fd, full, nil
}

// makeDir makes a directory of mode 0700, whatever the umask says.
func makeDir(place string) (fd int, where string, err error) {
	where = strings.TrimSuffix(place, "/") + "/" + privatePrefix + rand.Text()[:12]
	if err := unix.Mkdir(where, 0o700); err != nil {
		return -1, "", err
	}
	fd, err = unix.Open(where, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Fchmod(fd, 0o700)
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		_ = unix.Rmdir(where)
		return -1, "", err
	}
	return fd, where, nil
}

// bindIn makes a socket. Programs are told its path, so one that is too long for them is an error.
func bindIn(_ int, path string) (fd int, err error) { return bind(path) }

// writeIn makes a file.
func writeIn(content []byte) func(dir int, path string) (fd int, err error) {
	return func(dir int, full string) (int, error) {
		fd, err := unix.Openat(dir, path.Base(full), unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return -1, err
		}
		f := os.NewFile(uintptr(fd), full)
		_, err = f.Write(content)
		if closing := f.Close(); err == nil {
			err = closing
		}
		if err != nil {
			_ = unix.Unlinkat(dir, path.Base(full), 0)
		}
		return -1, err
	}
}
