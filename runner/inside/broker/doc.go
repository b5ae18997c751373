// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package broker makes and reaches unix-domain sockets inside a target, as the login that it runs as, and hands each
// of them to the runner: what they carry passes through no process here.
//
// There is one call, for the process's whole life:
//
//	err := broker.Serve(ctx, connection)
//
// The protocol has one message in each packet of a SOCK_SEQPACKET socket, in JSON. The broker begins with a Hello. Then the
// runner sends Requests, several at once if it likes, and the broker a Reply to each, in any order; with a reply may come
// one descriptor (SCM_RIGHTS). Byte strings are base64, as a path may hold any bytes. At the end of the stream the broker
// removes all that it made, and so does it when ctx ends: the end of the runner, however it came, leaves nothing.
//
// What a change must keep:
//   - What is removed is what was made, told by its inode, and nothing that has its name since.
//   - A request that waits for a file system that hangs keeps no other one waiting, until as many hang as are worked on at
//     once: the others are answered EBUSY then.
//   - Whatever hangs, the connection's end is seen.
package broker
