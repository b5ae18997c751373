// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package proc holds on to a session's leader by its pid on this machine, learns how it ended, and
// ends what belongs to the session. It is Linux only and asks for Linux 5.10 or later.
//
// [Open] a [Leader], [Leader.Wait] for it, and call [Leader.End] when the SSH session is over. Pids are
// those that the caller and its /proc see; processes of a pid namespace below are included, since a
// process has a pid in every namespace above its own. Starting processes, and reaping children, are
// left to the caller.
//
// What a change must keep:
//   - A signal goes through a pidfd, never to a bare pid. The pidfd is opened first, and what /proc says
//     of the pid is read after: either both mean the same process, or the one behind the pidfd
//     has died and cannot be reached any more. So a reused pid is never signalled.
//   - No thread is blocked by a wait: pidfds are waited for by Go's poller.
//   - A Leader has one goroutine, which Close ends and waits for.
package proc
