// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package helper starts this project's own program inside a target, where it serves what an image need not have:
// SFTP, and unix-domain sockets for forwards, the agent and X11. What runs there is package inside.
//
// Make one Program for a runner, and give it to the targets:
//
//	program := helper.New("") // this program itself
//	process, err := program.SFTP(ctx, account, start)
//
// How a process is started in the target is the target's, as a Start.
//
// The program is run from a memfd that nobody can change any more, this process included. So nothing is written to
// the target's file system, none of it has to be executable, and a process there that reaches the program by
// /proc/PID/exe finds a copy that cannot be written to, and never the runner's own file (CVE-2019-5736).
//
// What a change must keep:
//   - The target is given the program's descriptor for reading alone, and no other of ours but one end of a socket pair.
//   - What comes out of the target is untrusted: its root can speak in the helper's place.
//   - A socket from there can be made blocking at any time: no call on one may rely on O_NONBLOCK, or threads pile up.
package helper
