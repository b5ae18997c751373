// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"io"
	"os"

	"golang.org/x/sys/unix"

	"switchyard/runner/passwd"
)

// maxAccounts bounds what is read of passwd and group, in bytes.
const maxAccounts = 1 << 20

// accounts are the names of the container's users and groups. Where the image has none, there are none.
type accounts struct {
	entries []passwd.Entry
	users   map[uint32]string
	groups  map[uint32]string
}

func readAccounts() *accounts {
	a := &accounts{users: map[uint32]string{}, groups: map[uint32]string{}}
	a.entries = passwd.Parse(readSmall("/etc/passwd"))
	for _, e := range a.entries {
		if _, ok := a.users[e.UID]; !ok {
			a.users[e.UID] = e.Name
		}
	}
	for _, g := range passwd.ParseGroups(readSmall("/etc/group")) {
		if _, ok := a.groups[g.GID]; !ok {
			a.groups[g.GID] = g.Name
		}
	}
	return a
}

// readSmall reads a regular file, or nothing.
func readSmall(path string) []byte {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	b, _ := io.ReadAll(io.LimitReader(f, maxAccounts))
	return b
}

func (a *accounts) user(uid uint32) string  { return nameOr(a.users, uid) }
func (a *accounts) group(gid uint32) string { return nameOr(a.groups, gid) }

// home is the home directory of a user by name.
func (a *accounts) home(name string) (string, bool) {
	for _, e := range a.entries {
		if e.Name == name {
			return e.Home, true
		}
	}
	return "", false
}

func nameOr(names map[uint32]string, id uint32) string {
	if name, ok := names[id]; ok {
		return name
	}
	return decimal(id)
}
