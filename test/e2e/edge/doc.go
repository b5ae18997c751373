// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package edge tests the edges of SSH with real parts, and each way to start processes: any byte of a command line, any exit, 100 MB
// followed at once by an exit, terminals, many sessions at once, and containers that pause or end in a session. Where
// OpenSSH's client does not show what is on the wire, Go's is used. See package world for how.
package edge
