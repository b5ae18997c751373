// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package client reaches a controller: its API, and through it the SSH endpoint of a container.
//
// Most callers parse an [Endpoint], make a [Controller] with [New], and use its methods: one for each
// call of the API, and [Controller.Dial] for a container. [Carry] then moves a ProxyCommand's bytes.
// [Sentence] and [ExitCode] turn any error of this package into what a person reads and a script tests.
//
// Around it: contexts keeps and selects controllers, login finds out whether a controller is the one
// that issued a token, openssh hands the system's ssh what it needs, show prints records. The package
// knows nothing of containers' engines, of runners or of the controller's insides.
//
// What a change must keep:
//   - The token is sent on a connection whose certificate has been verified, on a unix socket, or to
//     loopback, and nowhere else. A redirection is never followed.
//   - Errors hold no token, no key and no proxy password.
//   - Whatever a controller sends is bounded before it is kept and escaped before it is printed.
//   - Every goroutine that is started is waited for, but the one that Carry's doc names.
package client
