// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// freezeWait is how long a group may take to stand still. A process that waits in the kernel for something
	// that does not come never does; the others do.
	freezeWait = 200 * time.Millisecond
	freezeTick = time.Millisecond
	// killTick is the first pause between two looks at what is left after a kill; each next one is twice as long, up to
	// killMaxTick.
	killTick    = time.Millisecond
	killMaxTick = 50 * time.Millisecond
)

// Freeze makes its processes stand still, so that none starts another while they are looked at, and returns when all do, or
// after a while. It does nothing in a hierarchy of version 1 that is not the freezer's. Each Freeze needs a Thaw.
func (g *Group) Freeze() {
	switch {
	case g.tree.version2() && g.write("cgroup.freeze", "1") == nil:
		await(freezeWait, freezeTick, freezeTick, func() bool { return g.field("cgroup.events", "frozen ") != "0" })
	case !g.tree.version2() && g.write("freezer.state", "FROZEN") == nil:
		await(freezeWait, freezeTick, freezeTick, func() bool { return g.field("freezer.state", "") != "FREEZING" })
	}
}

// Thaw lets them go on, but for a container that is paused itself.
func (g *Group) Thaw() {
	if g.tree.version2() {
		_ = g.write("cgroup.freeze", "0") // where there is none, nothing was frozen
	} else {
		_ = g.write("freezer.state", "THAWED")
	}
}

// Kill kills every process in it until there is none. The error says that some are left after the limit.
func (g *Group) Kill(limit time.Duration) (err error) {
	var left []int
	empty := await(limit, killTick, killMaxTick, func() bool {
		left, err = g.PIDs()
		if err == nil && len(left) > 0 {
			g.killOnce()
		}
		return err != nil || len(left) == 0
	})
	if err == nil && !empty {
		err = fmt.Errorf("%d processes of the cgroup %q are left after SIGKILL", len(left), g.name)
	}
	return err
}

// killOnce kills what is in it now. Version 2 has a file for that, from Linux 5.14 on.
func (g *Group) killOnce() {
	if g.tree.version2() && g.write("cgroup.kill", "1") == nil {
		return
	}
	g.Freeze()
	defer g.Thaw()
	pids, _ := g.PIDs()
	for _, pid := range pids {
		g.signal(pid, unix.SIGKILL)
	}
}

// signal signals a process that is in it.
func (g *Group) signal(pid int, sig unix.Signal) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if g.Holds(pid) {
		_ = unix.PidfdSendSignal(fd, sig, nil, 0) // it may have gone
	}
}

// await looks again and again until done or the limit.
func await(limit, tick, most time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); !done(); tick = min(2*tick, most) {
		rest := time.Until(end)
		if rest <= 0 {
			return false
		}
		time.Sleep(min(tick, rest))
	}
	return true
}
