// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package netns reaches into the namespaces of a process: it connects and listens
// in its network namespace, and reads files in its mount namespace, without
// starting anything there.
//
// Most need Open, and then DialContext and ReadFile:
//
//	ns, err := netns.Open(pid)
//	conn, err := ns.DialContext(ctx, "tcp", netip.MustParseAddrPort("127.0.0.1:80"))
//	passwd, err := ns.ReadFile(ctx, "/etc/passwd")
//
// The process is held by a pidfd (pidfd_open(2)), so that its number cannot come
// to mean another one, and its namespaces are entered through that pidfd
// (setns(2), Linux 5.8). When the process is gone everything fails with ErrGone.
//
// Invariants that a change must keep:
//   - A thread that has entered a mount namespace never returns to the scheduler:
//     it dies with its goroutine. One that has entered a network namespace does
//     only when it is back in its own.
//   - The main thread enters nothing: it cannot die, and /proc/self shows it.
//   - Between entering and leaving, a thread makes only the system calls named
//     here; it loads nothing and starts nothing, and of our paths opens only one
//     of /proc, in a network namespace alone.
//   - A path of the container is never opened from outside it: /proc/PID/root
//     would follow absolute symbolic links onto this machine (CVE-2018-15664).
//
// Out of scope: starting processes, and names (package resolve). Needs
// CAP_SYS_ADMIN, CAP_SYS_CHROOT and CAP_SYS_PTRACE over the process.
package netns
