// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package runner is the endpoint for one container: it registers with the controller, lets in the
// connections that carry the controller's proof, and serves SSH on them.
//
// Make one with [New] and call [Runner.Run]; [NewAPI] makes the client for the controller's API that it
// needs. What runs behind a session is an sshd.Target: package runner/docker or runner/host. Out of scope are
// what SSH is (package sshd), how processes start, and who may open a session, which the controller
// decides and states in the grant.
//
// One port speaks TLS 1.3 with a certificate made at start. A connection has one request: a POST to
// api.RunnerSSHPath with Upgrade, the grant and the request proof. Whoever lacks the proof gets the same answer,
// whatever was wrong, after the same work.
//
// What a change must keep:
//   - No byte of the grant is believed before the proof over it has been checked, and no byte of SSH is
//     read or sent before the whole of the 101 was.
//   - A connection is waiting or trusted. The waiting ones are few, have a deadline, and the oldest makes
//     room for the newest. A trusted one has no deadline and ends with its peer or with the runner.
//   - Every connection is registered under the lock that the end of the runner takes, and has one
//     goroutine, which Run waits for.
//   - The host certificate is in place before the first connection is accepted.
package runner
