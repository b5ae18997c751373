// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package broker

import (
	"sync"

	"golang.org/x/sys/unix"
)

// made is what there is to remove in the end, by the request that made it.
type made struct {
	mu    sync.Mutex // guards both
	over  bool       // everything has been removed, and nothing may come
	items map[uint64]item
}

// maxMade bounds what one runner's connection can have.
const maxMade = 4096

// item is a socket or a file in a directory.
type item struct {
	dir     int // holds the directory
	base    string
	dev     uint64
	ino     uint64
	private string // the directory's path, if it was made for it alone
}

// add remembers what was made under a name in a directory, whose descriptor it takes over. When it fails, what was
// made has been removed again.
func (m *made) add(id uint64, dir int, base, private string) error {
	i := item{dir: dir, base: base, private: private}
	var st unix.Stat_t
	if err := unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		unix.Close(dir)
		return err
	}
	i.dev, i.ino = uint64(st.Dev), st.Ino
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, twice := m.items[id]; m.over || twice || len(m.items) >= maxMade {
		i.remove()
		return unix.ENOSPC
	}
	if m.items == nil {
		m.items = map[uint64]item{}
	}
	m.items[id] = i
	return nil
}

// remove removes what a request made. What is not there any more is no error.
func (m *made) remove(id uint64) error {
	m.mu.Lock()
	i, ok := m.items[id]
	delete(m.items, id)
	m.mu.Unlock()
	if ok {
		i.remove()
	}
	return nil
}

func (m *made) removeAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
	for _, i := range m.items {
		i.remove()
	}
	m.items = nil
}

// remove removes it if it is still what was made: another may have its name by now.
func (i item) remove() {
	var st unix.Stat_t
	if unix.Fstatat(i.dir, i.base, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && uint64(st.Dev) == i.dev && st.Ino == i.ino {
		_ = unix.Unlinkat(i.dir, i.base, 0)
	}
	if i.private != "" && i.stillThere() {
		_ = unix.Rmdir(i.private)
	}
	unix.Close(i.dir)
}

// stillThere says whether the path of a private directory still means it.
func (i item) stillThere() bool {
	var held, found unix.Stat_t
	return unix.Fstat(i.dir, &held) == nil && unix.Lstat(i.private, &found) == nil &&
		held.Dev == found.Dev && held.Ino == found.Ino
}
