// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rig is what the project's tests share: a real Docker Engine with
// small images, a real sshd, polling with a deadline, and leak checks.
//
// A package's TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(rig.VerifyNoLeaks(m)) }
//
// A test with a container:
//
//	engine := rig.NeedDocker(t)
//	web := engine.Run(t, rig.ContainerSpec{Cmd: []string{"httpd", "-f", "-p", "127.0.0.1:80"}})
//
// NeedDocker uses the engine that DOCKER_HOST names, or the machine's own, or
// else starts a private one for the test process; scripts/with-engine starts
// one for many. A private engine's containers cannot reach the internet and
// their addresses cannot be reached from outside: see package dockerd.
//
// NeedRemappedDocker starts another engine, which gives containers user
// namespaces; RunWithAllCapabilities runs a test for which the machine's root has
// too few rights.
//
// What a test needs and the machine lacks skips the test with the reason, but
// fails it where CI=true promises that everything is there.
//
// Helpers that take a testing.TB fail it with Fatal and so must be called from
// the test's own goroutine. All clean up through tb.Cleanup.
//
// Out of scope: anything that knows Switchyard itself. Any package's tests may
// import rig, so rig imports none of the project.
package rig
