// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package host is the target that runs processes on the machine itself, as sshd does: through the
// account's shell, as the account, in a session of its own.
//
// Make one with [New] and give it to package sshd. As root it becomes any account of /etc/passwd, or
// any uid; otherwise only its own. Names come from /etc/passwd and /etc/group alone, without NSS. PAM,
// limits, utmp and what sshd prints before a shell (motd) are out of scope.
//
// What a change must keep:
//   - A child inherits no descriptor but its three, nothing of our environment, and no signal that we
//     happen to ignore.
//
// What becomes of a process once it runs is package child.
package host
