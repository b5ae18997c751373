// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Tree is a container's own cgroup in one hierarchy, below which groups are made. Its methods may be called
// concurrently.
type Tree struct {
	place   place
	dir     string
	mounted []mount
}

// Open finds the cgroup of the container with this id by its main process, whom the caller holds, and
// sees whether groups can be made there. The error says why not, for a log.
func Open(main int, id string) (*Tree, error) {
	all, err := placesOf(main)
	if err != nil {
		return nil, err
	}
	mounted, err := mounts()
	if err != nil {
		return nil, err
	}
	err = errNotOwn
	for _, p := range preferred(all) {
		if !p.ofContainer(id) {
			continue
		}
		t, tried := open(p, mounted, main)
		if tried == nil {
			return t, nil
		}
		if err == errNotOwn {
			err = tried // the best place's
		}
	}
	return nil, err
}

func open(p place, mounted []mount, main int) (*Tree, error) {
	dir, err := p.directory(mounted)
	if err != nil {
		return nil, err
	}
	t := &Tree{place: p, dir: dir, mounted: mounted}
	// What is mounted may belong to another cgroup namespace than the path.
	if pids, err := readPIDs(dir); err != nil || !slices.Contains(pids, main) {
		return nil, fmt.Errorf("%q is not the container's cgroup (%v)", dir, err)
	}
	if t.version2() {
		if err := t.mayHaveGroups(); err != nil {
			return nil, err
		}
	}
	return t, t.try()
}

// mayHaveGroups refuses a cgroup of version 2 in which something has arranged groups of its own, such as an
// init system in the container, or with threads of its own: it is not ours to arrange any more.
func (t *Tree) mayHaveGroups() error {
	kind, err := os.ReadFile(filepath.Join(t.dir, "cgroup.type"))
	if err != nil {
		return err
	}
	if kind := string(bytes.TrimSpace(kind)); kind != "domain" {
		return fmt.Errorf("the container's cgroup is of type %q", kind)
	}
	enabled, err := os.ReadFile(filepath.Join(t.dir, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(enabled)) > 0 {
		return errors.New("the container arranges cgroups of its own")
	}
	return nil
}

// tryInfix is followed by the pid of who tries.
const tryInfix = "try-"

// try makes a group and removes it, and with it those of who was killed between the two. To find its own removed by
// another who tries is no error.
func (t *Tree) try() error {
	if _, err := t.Make(Prefix + tryInfix + strconv.Itoa(os.Getpid())); err != nil {
		return err
	}
	names, err := t.Names()
	for _, name := range names {
		if strings.HasPrefix(name, Prefix+tryInfix) {
			err = errors.Join(err, t.Group(name).Remove())
		}
	}
	return err
}

// Prefix begins the name of every group that is ours.
const Prefix = "switchyard-"

// String says which hierarchy it is, for a log.
func (t *Tree) String() string { return t.place.String() }

func (t *Tree) version2() bool { return t.place.controllers == nil }

// Argument is a group by its name in the form of an OCI runtime's "exec --cgroup". Only runc knows it for version
// 1, where the process then stays in the container's cgroup of all other hierarchies.
func (t *Tree) Argument(name string) string {
	if t.version2() {
		return name
	}
	return strings.Join(t.place.controllers, ",") + ":" + name
}

// Version is that of the hierarchy, 1 or 2.
func (t *Tree) Version() int {
	if t.version2() {
		return 2
	}
	return 1
}

// Make makes a group. One that is there already is taken.
func (t *Tree) Make(name string) (*Group, error) {
	g := t.Group(name)
	if err := os.Mkdir(g.dir, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, err
	}
	return g, nil
}

// Group is the group with this name, whether or not it is there.
func (t *Tree) Group(name string) *Group {
	return &Group{tree: t, name: name, dir: filepath.Join(t.dir, name), path: strings.TrimSuffix(t.place.path, "/") + "/" + name}
}

// Names lists the groups that are ours, whoever made them.
func (t *Tree) Names() ([]string, error) {
	entries, err := os.ReadDir(t.dir)
	if isGone(err) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), Prefix) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Frozen tells whether the container is paused.
func (t *Tree) Frozen() bool {
	file, frozen := "cgroup.freeze", "1"
	if !t.version2() {
		file, frozen = "freezer.state", "FROZEN"
	}
	state, err := os.ReadFile(filepath.Join(t.dir, file))
	return err == nil && string(bytes.TrimSpace(state)) == frozen
}
