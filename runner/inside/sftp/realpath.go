// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links a path may lead through, as in the kernel (path_resolution(7)).
const maxLinks = 40

func (s *server) realpath(id uint32, f *fields) error {
	path := f.path()
	if f.bad {
		return statusBadMessage
	}
	return s.answerRealPath(id, path)
}

func (s *server) answerRealPath(id uint32, path string) error {
	real, err := realPath(path)
	if err != nil {
		return err
	}
	s.out.name(id, real)
	return nil
}

// realPath makes a path absolute and free of links, "." and "..". Its last name need not be there, so that a client
// can ask for the name of what it is about to make. The empty path is the process's directory.
func realPath(path string) (string, error) {
	done := ""
	if !strings.HasPrefix(path, "/") {
		dir, err := unix.Getwd()
		if err != nil {
			return "", err
		}
		done = strings.TrimSuffix(dir, "/")
	}
	links := 0
	for rest := path; rest != ""; {
		name, after, more := strings.Cut(rest, "/")
		rest = after
		switch name {
		case "", ".":
			continue
		case "..":
			done = done[:max(strings.LastIndexByte(done, '/'), 0)]
			continue
		}
		says, err := readlink(done + "/" + name)
		switch {
		case err == unix.EINVAL || err == unix.ENOENT && !more: // no link, or not there
			done += "/" + name
			continue
		case err != nil:
			return "", err
		}
		if links++; links > maxLinks {
			return "", unix.ELOOP
		}
		if strings.HasPrefix(says, "/") {
			done = ""
		}
		if rest = says; more {
			rest += "/" + after
		}
	}
	if done == "" {
		return "/", nil
	}
	return done, nil
}
