// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// workspacePrefix is followed by the owner's pid, a dash and something random.
const workspacePrefix = "switchyard-exec-"

// workspace is a directory for the files by which one speaks with the runtime. Nobody but root can look
// into it. It is in memory where the machine has /run.
type workspace struct {
	path string
	last atomic.Uint64
}

// newWorkspace makes one, and removes those of processes that were killed.
func newWorkspace() (*workspace, error) {
	base := "/run"
	if unix.Access(base, unix.W_OK) != nil {
		base = os.TempDir()
	}
	sweep(base)
	path, err := os.MkdirTemp(base, fmt.Sprintf("%s%d-", workspacePrefix, os.Getpid()))
	if err != nil {
		return nil, fmt.Errorf("making a directory for the runtime's files: %v", err)
	}
	return &workspace{path: path}, nil
}

// sweep removes workspaces without an owner. A pid that was given again only keeps litter longer.
func sweep(base string) {
	all, _ := filepath.Glob(filepath.Join(base, workspacePrefix+"*"))
	for _, path := range all {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), workspacePrefix), "-")
		pid, err := strconv.Atoi(number)
		if err != nil || unix.Kill(pid, 0) != unix.ESRCH {
			continue
		}
		var st unix.Stat_t
		if unix.Lstat(path, &st) == nil && st.Uid == 0 && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			os.RemoveAll(path)
		}
	}
}

func (w *workspace) remove() { os.RemoveAll(w.path) }

// call is the files of one call of the runtime.
type call string

func (w *workspace) newCall() call {
	return call(filepath.Join(w.path, strconv.FormatUint(w.last.Add(1), 10)))
}

func (c call) process() string { return string(c) + ".json" }
func (c call) pid() string     { return string(c) + ".pid" }
func (c call) log() string     { return string(c) + ".log" }
func (c call) console() string { return string(c) + ".tty" }

func (c call) remove() {
	for _, file := range []string{c.process(), c.pid(), c.log(), c.console()} {
		os.Remove(file)
	}
}
