// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package cgroup makes cgroups below a container's own, so that what a session started can be found and
// ended as a whole, whatever it did to its parents, groups and sessions.
//
// Most need Open, and Make for each session:
//
//	tree, err := cgroup.Open(main, id)
//	group, err := tree.Make("switchyard-1")
//
// A container is in one cgroup of each hierarchy. One hierarchy is enough to hold processes together, and in all
// others, with their limits and their accounts, a process stays in the container's own cgroup. Of version 1
// it is the freezer's, where there is one, since processes that stand still can be killed as one; of version
// 2 there is only one hierarchy, and a group there enables no controller, so that the container's limits go on
// to hold for all together (cgroup-v2, "No Internal Process Constraint").
//
// Out of scope: limits of any kind, and what becomes of the container's own cgroup. Docker removes that with all
// below it; a group that is gone is empty here, and no error.
//
// Invariants that a change must keep:
//   - A process is signalled through a pidfd which was opened before the kernel said that it is in the group.
//   - A process is moved by its pid, as cgroup.procs wants it, but held by a pidfd until that is done. Should it have
//     ended in between, and its pid have passed to somebody else, that one is put back: it is never taken for ours.
//   - What was frozen here is thawed here, on every way out.
package cgroup
