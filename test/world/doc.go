// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package world is a declared installation of real parts for the end-to-end tests and the benchmarks:
// a controller and runners as processes of their own, containers on a real Docker Engine, and the
// system's OpenSSH with the client as its ProxyCommand.
//
//	w := world.New(t, world.Options{})
//	w.Run(t, "web", world.ContainerOptions{})
//	r := w.SSH(t, "root@web", "uname -a")
//
// Everything that a world starts it stops when the test ends, by pid, and what the daemons logged is
// printed when the test failed. Helpers that take a testing.TB call Fatal and so belong on the
// test's own goroutine.
package world
