// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// place is one line of a /proc/PID/cgroup, cgroups(7): where a process is in one hierarchy.
type place struct {
	controllers []string // of version 1; "name=x" for a hierarchy without any; nil is version 2
	path        string
}

// placesOf says where a process is.
func placesOf(pid int) ([]place, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return nil, err
	}
	return parsePlaces(text), nil
}

func parsePlaces(text []byte) (all []place) {
	for line := range bytes.Lines(text) {
		fields := strings.SplitN(strings.TrimSuffix(string(line), "\n"), ":", 3)
		switch {
		case len(fields) != 3:
		case fields[1] != "":
			all = append(all, place{controllers: strings.Split(fields[1], ","), path: fields[2]})
		case fields[0] == "0":
			all = append(all, place{path: fields[2]})
		}
	}
	return all
}

// preferred orders places by how well they serve: the freezer, which makes a kill exact; the counter of
// processes, which every engine sets up; any other of version 1; version 2. A machine with both versions at once
// has its containers' limits in version 1, and its runtimes know that one.
func preferred(all []place) []place {
	rank := func(p place) int {
		switch {
		case slices.Contains(p.controllers, "freezer"):
			return 0
		case slices.Contains(p.controllers, "pids"):
			return 1
		case p.controllers != nil:
			return 2
		}
		return 3
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b place) int { return rank(a) - rank(b) })
	return all
}

// mount is a mounted hierarchy.
type mount struct {
	root, point string
	version     int
	options     []string // of the file system; they name its controllers
}

func mounts() ([]mount, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return parseMounts(text), nil
}

// parseMounts reads a mountinfo, proc_pid_mountinfo(5). Fields that some lines have more of end with a hyphen.
func parseMounts(text []byte) (all []mount) {
	versions := map[string]int{"cgroup": 1, "cgroup2": 2}
	for line := range bytes.Lines(text) {
		before, after, ok := strings.Cut(string(bytes.TrimSpace(line)), " - ")
		fields, more := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(more) < 3 || versions[more[0]] == 0 {
			continue
		}
		all = append(all, mount{
			root: unescape(fields[3]), point: unescape(fields[4]),
			version: versions[more[0]], options: strings.Split(more[2], ","),
		})
	}
	return all
}

// unescape undoes what the kernel does to blanks and backslashes in a mountinfo.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// holds tells whether a place is in a mounted hierarchy.
func (m mount) holds(p place) bool {
	if p.controllers == nil {
		return m.version == 2
	}
	return m.version == 1 && !slices.ContainsFunc(p.controllers, func(c string) bool { return !slices.Contains(m.options, c) })
}

// directory is where a place is in the file system. A mount may show a part of its hierarchy.
func (p place) directory(all []mount) (string, error) {
	for _, m := range all {
		if rest, ok := below(p.path, m.root); ok && m.holds(p) {
			return filepath.Join(m.point, rest), nil
		}
	}
	return "", fmt.Errorf("the hierarchy of %s is not mounted where this runner sees it", p)
}

func below(name, root string) (string, bool) {
	if root == "/" {
		return name, strings.HasPrefix(name, "/") && !strings.Contains(name, "/..")
	}
	rest, ok := strings.CutPrefix(name, root)
	return rest, ok && (rest == "" || rest[0] == '/')
}

func (p place) String() string {
	if p.controllers == nil {
		return "cgroup v2"
	}
	return "cgroup v1's " + strings.Join(p.controllers, ",")
}

// errNotOwn says that the main process is not in the container's own cgroup: something in the container
// arranges cgroups, and groups of ours would be in its way.
var errNotOwn = errors.New("the container's main process is not in the container's own cgroup")

// ofContainer tells whether a place is a container's own cgroup: every driver puts the id into its last name.
func (p place) ofContainer(id string) bool { return strings.Contains(path.Base(p.path), id) }
