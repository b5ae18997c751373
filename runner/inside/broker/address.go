// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package broker

import (
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxAddress is the longest path that a socket's address holds with the NUL behind it, unix(7).
const maxAddress = 107

// check refuses what is no path: nothing, and the names of abstract sockets, which begin with NUL and belong to
// the network namespace instead of a file system with its permissions.
func check(path string) error {
	switch {
	case path == "":
		return unix.ENOENT
	case strings.IndexByte(path, 0) >= 0:
		return unix.EINVAL
	}
	return nil
}

// literal is a path that Go takes as one: it would take one that begins with "@" for an abstract socket's.
func literal(path string) string {
	if strings.HasPrefix(path, "@") {
		return "./" + path
	}
	return path
}

// through is the way to an open file, in a few bytes.
func through(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// split is a path's directory and last name. The latter is not empty, "." or "..".
func split(name string) (dir, base string, err error) {
	if err := check(name); err != nil {
		return "", "", err
	}
	dir, base = path.Split(name)
	switch base {
	case "", ".", "..":
		return "", "", unix.EISDIR
	}
	if dir == "" {
		dir = "."
	}
	return dir, base, nil
}

func openDir(path string) (fd int, err error) {
	return unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}
