// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sshd is the SSH server of a runner: it serves one connection at a time on a Target, which
// starts the processes and dials the ports.
//
// Most callers need two calls: [New], and [Server.Serve] for every connection whose peer has already
// been authenticated by other means. It implements the session channel of RFC 4254 section 6 with
// RFC 8160 (IUTF8) and RFC 4335 (break), X11 of section 6.3, port forwarding of section 7 both ways, and
// of OpenSSH's PROTOCOL file the requests that OpenSSH's client sends, unix-socket and agent forwarding
// among them. What of these a connection has depends on its grant, and on what the target can: see
// PortListener, SocketTarget, FilteredDialer and Hostnamer. Out of scope are authentication by key or
// password, accepting connections of clients, recording, and what a container is.
//
// Its goroutines keep these rules, and a change must keep them too:
//
//   - The library's loop that reads packets blocks when a channel's requests are not taken. So nothing
//     that takes a channel's requests waits for a process, a dial or another channel.
//   - Each direction is copied to its own end. No copy closes what another copy still uses.
//   - Output comes before exit-status, exit-status before EOF, EOF before close. (A process that ends
//     its output and runs on gets its EOF sent early, as OpenSSH's server does.)
//   - Standard error has two writers, the process and the server itself; one lock serialises them with
//     EOF. It is held over I/O and guards no state.
//   - A process belongs to its channel: whatever ends the channel calls the process's End once. A client's
//     close does not, once its input and the process's output have ended, unless there is a terminal; see
//     sessionChannel.
//   - What a connection has in the target, listeners and sockets and files, ends with it; a listener's end leaves
//     the connections that it has accepted alone.
//   - A process is started behind the global requests that came before it, which another goroutine handles.
//   - Each channel's window comes out of one budget, and goes back into it.
//   - Whatever waits for the peer is released by closing the connection, and Serve waits for all of it.
package sshd
