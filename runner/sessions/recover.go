// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sessions

import (
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"switchyard/runner/cgroup"
	"switchyard/runner/proc"
)

// recoveries is how many leftover sessions are ended at once.
const recoveries = 16

// recover ends what dead runners left, by this runner's policy, as far as it comes before Close.
func (k *Keeper) recover() {
	var all []*Session
	for _, dir := range k.dead {
		all = append(all, k.lost(readRecords(dir.Name()))...)
	}
	all = append(all, k.unrecorded(all)...)
	if len(all) > 0 {
		k.cfg.Log.Warnf("a runner for this container was killed: ending %d sessions that it left", len(all))
	}
	if rest := k.endAll(all); rest > 0 {
		k.cfg.Log.Warnf("%d of those sessions are left to the next runner: this one ends", rest)
	}
	maps.DeleteFunc(k.dead, func(_ owner, dir lockedDir) bool {
		over := len(readRecords(dir.Name())) == 0
		if over {
			k.state.remove(dir)
		}
		return over
	})
}

// giveBack gives back the locks of dead runners whose sessions are not all over; the next runner takes them.
func (k *Keeper) giveBack() {
	for _, dir := range k.dead {
		if len(readRecords(dir.Name())) == 0 {
			k.state.remove(dir)
			continue
		}
		dir.Close()
	}
}

// lost makes sessions of a dead runner's records.
func (k *Keeper) lost(records map[string]record) (all []*Session) {
	for file, r := range records {
		s := &Session{k: k, record: r, file: file}
		only := s.inContainer
		if r.Cgroup != "" && k.tree != nil && strings.HasPrefix(r.Cgroup, cgroup.Prefix) && !strings.Contains(r.Cgroup, "/") {
			s.group = k.tree.Group(r.Cgroup)
			only = s.group.Holds
		}
		if r.PID > 0 {
			s.leader = proc.Lost(r.PID, r.Start, only)
		}
		all = append(all, s)
	}
	return all
}

// inContainer tells by its cgroups whether a process is in the container.
func (s *Session) inContainer(pid int) bool {
	groups, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	return err == nil && strings.Contains(string(groups), s.k.cfg.ContainerID)
}

// unrecorded finds cgroups of dead runners' sessions that no record tells of: their start had not come so far, or the
// records were lost, with a /run that was full or another one.
func (k *Keeper) unrecorded(recorded []*Session) (all []*Session) {
	if k.tree == nil {
		return nil
	}
	known := map[string]bool{}
	for _, s := range recorded {
		known[s.record.Cgroup] = true
	}
	owners := k.state.owners()
	names, _ := k.tree.Names()
	for _, name := range names {
		o, ok := ownerOf(name)
		if !ok || known[name] || o == k.owner {
			continue
		}
		if _, claimed := k.dead[o]; claimed || !owners[o] && !o.alive() {
			all = append(all, &Session{k: k, group: k.tree.Group(name)})
		}
	}
	return all
}

// ownerOf says whose session a cgroup is for.
func ownerOf(name string) (owner, bool) {
	rest, ok := strings.CutPrefix(name, cgroup.Prefix+sessionInfix)
	end := strings.LastIndexByte(rest, '-')
	if !ok || end < 0 {
		return "", false
	}
	return owner(rest[:end]), true
}

// endAll ends leftover sessions, some at once. When the keeper is closed it begins with no other, and tells how many
// there are still.
func (k *Keeper) endAll(all []*Session) (rest int) {
	var ending sync.WaitGroup
	defer ending.Wait()
	slots := make(chan struct{}, recoveries)
	for i, s := range all {
		select {
		case slots <- struct{}{}:
		case <-k.ctx.Done():
		}
		if k.ctx.Err() != nil {
			return len(all) - i
		}
		ending.Go(func() {
			defer func() { <-slots }()
			k.endLost(s)
		})
	}
	return 0
}

// endLost ends a leftover session. What is known of one only by its instance is nobody's, whatever the policy is: its
// start had not come so far that a user's command ran.
func (k *Keeper) endLost(s *Session) {
	if s.group != nil {
		s.group.Thaw() // the dead runner may have been about to
	}
	if s.leader == nil && s.group != nil {
		s.leader = s.oldest()
	}
	if s.leader != nil && !s.Keeps() {
		s.err = s.leader.End(k.cfg.Grace, s.box())
	}
	if k.cfg.OnEnd == Kill && s.group != nil {
		s.err = s.group.Kill(killWait)
	}
	if s.record.PID == 0 && s.record.Instance != "" && k.cfg.Abandon != nil {
		k.cfg.Abandon(s.record.Instance)
	}
	s.settle()
	if s.err != nil {
		k.cfg.Log.WithError(s.err).Warn("ending what a runner that was killed had left")
	}
}

// oldest is the session of the oldest process in the cgroup: of the leader, from whom all others stem, or where that
// has exited, most likely of what it started first. Nil: the cgroup is empty.
func (s *Session) oldest() *proc.Session {
	pids, _ := s.group.PIDs()
	slices.Sort(pids)
	first, began := 0, uint64(math.MaxUint64)
	for _, pid := range pids {
		if start, err := proc.StartOf(pid); err == nil && start < began {
			first, began = pid, start
		}
	}
	id, err := unix.Getsid(first)
	if first == 0 || err != nil || id <= 0 {
		return nil
	}
	start, _ := proc.StartOf(id) // a leader that has gone has none, nor does anybody else have its pid
	return proc.Lost(id, start, s.group.Holds)
}
