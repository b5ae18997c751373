// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package resolve finds the addresses of a name as a process in a container
// would, by the container's own hosts(5) and resolv.conf(5), without running
// anything in it.
//
// Most need Resolver and its DialName:
//
//	r := &resolve.Resolver{ReadFile: ns.ReadFile, Dial: ns.DialContext}
//	conn, err := r.DialName(ctx, "db", 5432)
//
// Queries are sent by Dial, so that a name server on the container's loopback
// (Docker's own is 127.0.0.11) is reached, and one that only the machine can
// reach is not.
//
// Both files and every answer may be hostile: what is no entry is passed over,
// numbers are bounded, and an answer counts only for the question that was asked.
//
// Out of scope: nsswitch.conf, mDNS, DNSSEC validation, caching.
package resolve
