// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Group is a cgroup of ours. Its methods may be called concurrently.
type Group struct {
	tree *Tree
	name string
	dir  string
	path string // as in /proc/PID/cgroup
}

// Name is the last part of its path.
func (g *Group) Name() string { return g.name }

// Holds tells whether a process is in it, or below it.
func (g *Group) Holds(pid int) bool {
	all, err := placesOf(pid)
	return err == nil && slices.ContainsFunc(all, func(p place) bool {
		_, in := below(p.path, g.path)
		return in && slices.Equal(p.controllers, g.tree.place.controllers)
	})
}

// PIDs lists the live processes in it and below it. Those of another PID namespace than ours or one below it are left
// out; a group that is gone has none.
func (g *Group) PIDs() ([]int, error) { return pidsBelow(g.dir) }

func pidsBelow(dir string) ([]int, error) {
	pids, err := readPIDs(dir)
	if err != nil {
		return nil, err
	}
	for _, child := range children(dir) {
		more, err := pidsBelow(child)
		if err != nil {
			return nil, err
		}
		pids = append(pids, more...)
	}
	return pids, nil
}

// children are the cgroups in a cgroup. Nobody makes any in ours but a container that may write to its cgroups.
func children(dir string) (dirs []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(dir, e.Name()))
		}
	}
	return dirs
}

func readPIDs(dir string) ([]int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if isGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, field := range bytes.Fields(text) {
		if pid, err := strconv.Atoi(string(field)); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Remove removes it and what is below it. It fails with an error that matches unix.EBUSY while it holds
// processes.
func (g *Group) Remove() error {
	err := os.Remove(g.dir)
	if errors.Is(err, unix.EBUSY) && removeBelow(g.dir) {
		err = os.Remove(g.dir)
	}
	if isGone(err) {
		return nil
	}
	return err
}

// removeBelow tells whether it removed anything.
func removeBelow(dir string) (removed bool) {
	for _, child := range children(dir) {
		removeBelow(child)
		removed = os.Remove(child) == nil || removed
	}
	return removed
}

// isGone says that a cgroup, or the container's whole, is not there: its file, or by the time that is read,
// what the file was of.
func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) }

// write writes to one of its files.
func (g *Group) write(file, value string) error {
	return os.WriteFile(filepath.Join(g.dir, file), []byte(value), 0)
}

// field finds a word behind a name in one of its files.
func (g *Group) field(file, name string) string {
	text, _ := os.ReadFile(filepath.Join(g.dir, file))
	for line := range bytes.Lines(text) {
		if rest, ok := strings.CutPrefix(string(line), name); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
