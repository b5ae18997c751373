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

	"golang.org/x/sys/unix"
)

// ErrStranger says that a process that nobody meant is in a group, and could not be put back. Such a group must
// not be ended as a whole.
var ErrStranger = errors.New("a process that does not belong there is in the cgroup")

// strangerRounds bounds the chase of a pid that passes from one to the next.
const strangerRounds = 5

// Add moves a process into it. What the process has started stays where it is; what it starts from now on
// is in the group.
//
// Is tells whether the process that has this pid now is the one that is meant; it is asked when that is held, so that
// its answer stays true. The error matches os.ErrProcessDone when it is not or has gone, and ErrStranger.
func (g *Group) Add(pid int, is func(pid int) bool) error {
	held, err := hold(pid)
	if err != nil {
		return g.notMoved(pid, err)
	}
	defer held.close()
	if !is(pid) {
		return g.notMoved(pid, os.ErrProcessDone)
	}
	return g.notMoved(pid, g.move(held, pid))
}

func (g *Group) notMoved(pid int, why error) error {
	if why == nil {
		return nil
	}
	return fmt.Errorf("moving process %d into the cgroup %q: %w", pid, g.name, why)
}

// move moves the process that is held. As long as that has not exited, nobody else has its pid.
func (g *Group) move(held pidfd, pid int) error {
	err := movePID(g.dir, pid)
	if err != nil || !held.exited() {
		return err
	}
	for range strangerRounds {
		if back, err := g.putBack(pid); back || err != nil {
			return errors.Join(os.ErrProcessDone, err)
		}
	}
	return ErrStranger
}

// putBack moves who has this pid now to where it was begun, which is where its parent is: it has just been begun. It
// tells whether no stranger of this pid is left in the group. A child of a process of the group's is none.
func (g *Group) putBack(pid int) (done bool, err error) {
	stranger, err := hold(pid)
	if errors.Is(err, os.ErrProcessDone) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("%w: %v", ErrStranger, err)
	}
	defer stranger.close()
	if stranger.exited() || !g.Holds(pid) {
		return true, nil
	}
	dir, err := g.tree.dirOf(parent(pid))
	if err == nil {
		err = movePID(dir, pid)
	}
	switch {
	case stranger.exited():
		return false, nil // the next may have been moved
	case err != nil:
		return false, fmt.Errorf("%w: putting process %d back: %v", ErrStranger, pid, err)
	}
	return true, nil
}

// dirOf is the directory of the cgroup, in the tree's hierarchy, in which a process is.
func (t *Tree) dirOf(pid int) (string, error) {
	places, err := placesOf(pid)
	if err != nil {
		return "", err
	}
	for _, p := range places {
		if slices.Equal(p.controllers, t.place.controllers) {
			return p.directory(t.mounted)
		}
	}
	return "", fmt.Errorf("process %d is not in %s", pid, t)
}

// parent is a process's parent, proc_pid_status(5); 0: it has gone, or its parent is not seen from here.
func parent(pid int) int {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("PPid:")); ok {
			number, _ := strconv.Atoi(string(bytes.TrimSpace(rest)))
			return number
		}
	}
	return 0
}

// movePID moves whoever has this pid into a cgroup.
func movePID(dir string, pid int) error {
	err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// pidfd is a process's descriptor, pidfd_open(2).
type pidfd int

// hold opens a process. The error matches os.ErrProcessDone when there is none with this pid.
func hold(pid int) (pidfd, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		err = os.ErrProcessDone
	}
	return pidfd(fd), err
}

// exited tells whether it has exited, whether or not it has been reaped.
func (p pidfd) exited() bool {
	fds := []unix.PollFd{{Fd: int32(p), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return err == nil && n > 0 && fds[0].Revents&unix.POLLIN != 0
		}
	}
}

func (p pidfd) close() { unix.Close(int(p)) }
