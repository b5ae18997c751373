// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// OpenFDs lists this process's open file descriptors and what each refers to
// ("socket:[123]", "/dev/null"). It leaves out what the Go runtime opens once
// and keeps: its poller and the files that tell it the CPU limit. Where there is
// no /proc/self/fd, the list is empty.
func OpenFDs() map[int]string {
	entries, _ := os.ReadDir("/proc/self/fd")
	fds := map[int]string{}
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// The descriptor that ReadDir used is closed by now, and so has no link.
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err == nil && !ofRuntime(target) {
			fds[fd] = target
		}
	}
	return fds
}

func ofRuntime(target string) bool {
	switch target {
	case "anon_inode:[eventpoll]", "anon_inode:[eventfd]":
		return true
	}
	return strings.HasPrefix(target, "/sys/fs/cgroup/") && strings.Contains(target, "cpu.")
}

// newFDs is what is open now and was not before, as "FD -> TARGET" lines.
// Sockets and pipes have unique targets, so a reused number does not hide one.
func newFDs(before map[int]string) []string {
	var lines []string
	now := withoutSplice(OpenFDs())
	for _, fd := range slices.Sorted(maps.Keys(now)) {
		if before[fd] != now[fd] {
			lines = append(lines, strconv.Itoa(fd)+" -> "+now[fd])
		}
	}
	return lines
}
