// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sessions

import (
	"slices"

	"switchyard/runner/proc"
)

// Counts are what there is of sessions now.
type Counts struct {
	Sessions  int // begun and not ended
	Processes int // in those
	// Leftover are processes that should have been ended with their session and could not be, yet.
	Leftover int
	// Detached are processes that stayed on purpose when their session ended, whichever runner's that was. They are
	// known only where sessions have cgroups.
	Detached int
	Cgroups  bool // sessions have cgroups
}

// Counts counts.
func (k *Keeper) Counts() Counts {
	k.prune()
	live, left := slices.DeleteFunc(k.sessions(&k.live), (*Session).aside), k.sessions(&k.left)
	c := Counts{Sessions: len(live), Cgroups: k.tree != nil, Processes: countProcesses(live)}
	for _, s := range left {
		c.Leftover += len(s.remaining())
	}
	if k.tree != nil {
		pids, _ := k.tree.Group(Detached).PIDs()
		c.Detached = len(pids)
	}
	return c
}

// countProcesses counts those of live sessions. All that have no cgroup are counted in one look at /proc.
func countProcesses(live []*Session) (n int) {
	var census map[int]int
	for _, s := range live {
		if s.group != nil {
			pids, _ := s.group.PIDs()
			n += len(pids)
			continue
		}
		if census == nil {
			census, _ = proc.Census()
		}
		n += census[s.record.PID]
	}
	return n
}
