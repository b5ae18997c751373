// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package proc reads /proc, for tests that check that no process is left.
package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is one entry of /proc, as it was when it was read (proc(5)).
type Process struct {
	PID, PPID int
	// State is the kernel's letter: R, S, D, T, Z (a zombie, not waited for), ...
	State byte
	// Name is the command's name, at most 15 bytes.
	Name string
	// Args is the command line; empty for zombies and kernel threads.
	Args []string
	// PIDNamespace identifies the PID namespace; empty when it cannot be read.
	PIDNamespace string
}

// String is the process in one line, for messages.
func (p Process) String() string {
	return fmt.Sprintf("%d (parent %d, %c) %s %q", p.PID, p.PPID, p.State, p.Name, p.Args)
}

// List lists the processes that match, in the order of their numbers as
// the kernel lists them. A nil match means all. Where there is no /proc, the
// list is empty.
func List(match func(Process) bool) []Process {
	entries, _ := os.ReadDir("/proc")
	var found []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if p, ok := readProcess(pid); ok && (match == nil || match(p)) {
			found = append(found, p)
		}
	}
	return found
}

// Descendants lists the processes that match, then their children, and so on.
func Descendants(match func(Process) bool) []Process {
	children := map[int][]Process{}
	var all []Process
	for _, p := range List(nil) {
		children[p.PPID] = append(children[p.PPID], p)
		if match(p) {
			all = append(all, p)
		}
	}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i].PID]...)
	}
	return all
}

// readProcess reads one entry; false when the process is gone by now.
func readProcess(pid int) (Process, bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Process{}, false
	}
	p, ok := parseStat(string(stat))
	if !ok {
		return Process{}, false
	}
	if cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil && len(cmdline) > 0 {
		p.Args = strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")
	}
	p.PIDNamespace, _ = os.Readlink(filepath.Join(dir, "ns", "pid"))
	return p, true
}

// parseStat reads "PID (NAME) STATE PPID ..." where NAME may hold anything, so
// the last parenthesis counts.
func parseStat(stat string) (Process, bool) {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 1 || end < open {
		return Process{}, false
	}
	pid, err := strconv.Atoi(stat[:open-1])
	fields := strings.Fields(stat[end+1:])
	if err != nil || len(fields) < 2 || len(fields[0]) != 1 {
		return Process{}, false
	}
	ppid, err := strconv.Atoi(fields[1])
	return Process{PID: pid, PPID: ppid, State: fields[0][0], Name: stat[open+1 : end]}, err == nil
}
