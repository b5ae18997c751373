// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package inside listens and connects in a container's network namespace from the test's own process, for what no program
// of an image does: thousands of connections at once, a peer that does not read, a reset.
//
//	port := inside.Serve(t, web, func(conn *net.TCPConn) { io.Copy(conn, conn) })
//	conn, err := inside.Dial(t, web)(8080)
//
// It needs root, and an engine on this machine.
package inside
