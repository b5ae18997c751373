// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package docker makes a running Docker container a target of sshd: its
// processes are started by the container's OCI runtime (package runc) or, where that is not reached, by docker
// exec, and its ports are dialled in its own network namespace.
//
// Most need New, and Follow to learn that the container has ended:
//
//	target, err := docker.New(ctx, docker.Config{Client: client, ContainerID: "web"})
//	go func() { code, err := target.Follow(ctx); … }()
//
// It runs as root on the machine of the engine, since Docker alone cannot do
// what sshd promises: it tells no signal from an exit code, leaves processes
// running when a connection goes (moby#35703), swallows bytes typed at a
// terminal, sets the terminal up after the process has started, and loses output
// that is not read within two seconds of the exit. So a process of docker exec is held by a
// pidfd, its terminal's master is fetched from the containerd shim
// (pidfd_getfd(2)), and a gate keeps it stopped until all of that is in place.
//
// A container that has died has ended, even if it is started again under the
// same id: its processes and namespaces are others then, and so is its runner.
//
// Invariants that a change must keep:
//   - No byte of the user's command runs before the gate opens, where the image
//     has a shell to be the gate (see gate.go).
//   - Whatever was started is ended, whichever way Start fails.
//   - Every process is in the account of package sessions, which ends it; one of docker exec before its gate opens.
//   - A pid counts only after a pidfd of it was opened and its cgroup then named
//     the container.
//   - Each process of docker exec has two goroutines, follow and pump; End waits for both.
//   - By docker exec, the master's file description is the shim's too: its flags are not changed.
//
// Out of scope: containers of an engine on another machine, and runtimes whose
// processes are not the machine's (gVisor, Kata Containers).
package docker
