// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dockerd runs a private Docker Engine for tests.
//
// Start starts one, Stop stops it and removes all that it made. Most tests want
// rig.NeedDocker instead, which finds an engine or starts this one.
//
// The engine is private in every respect that could touch the machine: its
// files are under one temporary directory, and it runs in a network and a mount
// namespace of its own. Its bridge, its firewall rules and its mounts therefore
// never meet those of another engine and vanish with its last process, however
// that ends. The price: containers have no way out to the internet, and their
// addresses and published ports are not reachable from outside; reach them
// through their namespaces, as Switchyard does.
//
// An engine that remaps users finds their ranges in files of its own, which are
// mounted over the machine's in its mount namespace.
//
// Out of scope: engines on anything but Linux, and rootless ones.
//
// Invariants: one goroutine, locked to its thread, is dockerd's parent until it
// has exited, because the parent-death signal follows the thread and not the
// process (prctl(2), PR_SET_PDEATHSIG). The directory's lock file is held as
// long as somebody owns the engine; a directory whose lock is free is litter of
// a run that was killed, and the next Start sweeps it away.
package dockerd
