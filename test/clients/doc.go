// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clients runs the SSH clients that people have against a real installation: one controller, and
// a container of each of three images (busybox, Debian, and scratch with one static program), each for
// root, for another user, and for a uid that is in no passwd file; and, for some clients, a Debian container
// whose runner starts processes by docker exec. Every client goes through the real
// ProxyCommand and verifies the host key. What is transferred is compared by checksum, name, mode and
// link target, from outside the container. Where an image cannot have what a client needs at the other
// end, the test holds the failure to its exit code and its words.
//
// What each client needs, and the versions that were run, are in docs/clients.md.
//
// TestClients makes the installation once, for all of them; its subtests are the clients:
//
//	scripts/with-engine go test ./test/clients -run TestClients/rsync
//
// Invariants: a target's directory belongs to one subtest at a time (ask for it by target.fresh); the
// trees of the fleet are read only.
package clients
