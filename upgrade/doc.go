// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package upgrade speaks HTTP/1.1 Upgrade (RFC 9110 section 7.8) from both ends, and joins two
// connections once the upgrade is over.
//
// A client calls [Do] with a connection and a request; a server calls [Check] before it does
// anything costly and [Accept] when it is sure; whoever sits in the middle then calls [Join].
//
// What a change must keep:
//   - Bytes that either side's HTTP reader took in beyond the head belong to the upgraded protocol and
//     are delivered first.
//   - An upgraded connection has no deadline left on it and does not depend on the request's context.
//   - Join moves each direction to its own end and half-closes; it never closes both because one is done.
//   - Join does not hide a *net.TCPConn from io.Copy, so that the kernel moves the bytes (splice) where
//     both sides are plain TCP.
package upgrade
