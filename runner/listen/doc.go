// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package listen turns the address that an SSH client asks to listen on into listeners, with the meaning
// that RFC 4254 section 7.1 gives it.
//
// Most need [On], with a way to listen on one address:
//
//	l, err := listen.On(one, "localhost", 8080)
//
// Invariants that a change must keep: the goroutines of a listener end with its Close, which waits for
// them; a connection that was accepted and not taken is closed.
//
// Out of scope: in which network the sockets are made, and whether the client may have them.
package listen
