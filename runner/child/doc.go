// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package child holds a process that is a child of this one, with its pipes or its terminal, as an
// sshd.Process. Who starts it, and how, is the caller's: the target host forks, and the target docker has
// a container's runtime start it.
//
// Make its input and output with [OpenPipes] or [OpenTerminal], start it, and give both to [New].
//
// What a change must keep:
//   - A child is reaped only after its session has been ended, so that neither its pid nor its session's
//     id can pass to others before; but for ReapAtExit, where a session that another has replaced is told by its
//     leader's start (package proc).
//   - A process has one goroutine, which ends with the child. It outlives End only for a child that was
//     detached on purpose, or is kept; then each of its outputs has one more, which ends when nobody can write
//     to it any more.
package child
