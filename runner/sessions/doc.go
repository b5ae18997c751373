// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package sessions keeps account of the processes that a runner starts for its users: it gives each session a cgroup
// of its own where that is possible, ends what is in it by the runner's policy, knows what is left, and ends what
// an earlier runner for the same container left when it was killed.
//
// Most need Open, and for each process Begin, Started and End:
//
//	keeper := sessions.Open(sessions.Config{ContainerID: id, PID: main})
//	s := keeper.Begin("runc")
//	// start the process, in s.Cgroup() where the starter can
//	s.Started(leader)
//	defer s.End(leader)
//
// A session is a record in a directory that only root can enter, and a cgroup below the container's. Both are named
// after their owner: this process, by its pid and its start. The owner holds a lock (flock(2)) on its
// directory, which the kernel takes from it when it dies, however that comes. So a runner that starts can tell what a
// dead one left from what another runner for the same container, which may be about to end, still uses.
//
// What was detached on purpose, or left by the policy, is moved to one cgroup for all (Detached) when its session
// ends: nobody ends it any more.
//
// Out of scope: starting processes, and their input and output.
//
// Invariants that a change must keep:
//   - Nothing of another owner is touched but by whoever holds that owner's lock, or knows it dead where it has none.
//   - A cgroup without a record is ended by the policy as any other: records may be lost, and one that could not be
//     written is removed.
//   - A record is written before a process runs the user's command, where its starter can wait for that, and removed
//     after the process has been ended.
//   - Without a cgroup, or with one that was lost, everything works by the session's id, as setsid(2) made it.
//   - Open starts one goroutine, which ends leftovers; what cannot be ended at once has another. Close has both
//     stop, and waits for what they are about: never for all that there is to end.
package sessions
