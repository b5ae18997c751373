// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package runc starts processes in a container of a Docker engine by the OCI runtime that the engine uses
// itself, runc or crun, without the engine: what a process reads and writes passes through no daemon, and it
// is a child of this process, which therefore learns exactly how it ended.
//
// Most need Open and Start:
//
//	runtime, err := runc.Open(ctx, runc.Config{ContainerID: id, PID: main})
//	process, err := runtime.Start(ctx, runc.Command{Args: []string{"/bin/sh"}})
//
// A process gets what docker exec gives it, because both begin with the same description: the process of the
// container's own OCI configuration, of which docker exec and this package change user, arguments, environment,
// directory and terminal alone. The rest (namespaces, cgroup, seccomp filter) the runtime takes from its record
// of the container. What would be inherited from the caller is made the same too: limits that the
// container does not set, the umask; and Open refuses where this process is itself confined in
// another way than the engine.
//
// Invariants that a change must keep:
//   - No descriptor of ours is given to the runtime but the process's three, and those that its Command names
//     (CVE-2024-21626).
//   - A description holds the user's environment and command: it is in a file that only root reads, never
//     in arguments, and is removed when the process runs.
//   - While a process is being started, no child is reaped that is not known (see orphans.go).
//   - A start, once begun, is followed to its end, and what it has started is ended when nobody waits.
//
// Out of scope: the engine itself, accounts, and runtimes whose processes are not this machine's (gVisor,
// Kata Containers).
package runc
