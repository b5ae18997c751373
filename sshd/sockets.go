// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"net"
)

// PortListener is a Target in whose network a client can listen (RFC 4254 section 7.1).
type PortListener interface {
	// Listen listens on a TCP port as a process of the account could: a port that the target reserves for
	// root is refused to others, with an error that matches fs.ErrPermission. host is "" for all addresses of
	// all families, "localhost" for the loopback addresses of all families, or an address without brackets.
	// Port 0 lets the target choose; the listener's Addr tells. ctx bounds the call alone. Connections have
	// CloseWrite.
	Listen(ctx context.Context, a Account, host string, port uint16) (net.Listener, error)
}

// SocketTarget is a Target that has unix-domain sockets and files.
type SocketTarget interface {
	// Sockets gives access to them as the account. It does nothing in the target yet: what Sockets' methods need
	// there, the first of them starts. The caller calls Close. The error's text is for the user.
	Sockets(a Account) (Sockets, error)
}

// Sockets reaches the unix-domain sockets of a target, with the permissions of one account, and keeps
// what one connection has there. A path is the target's; a relative one begins at the account's home.
// The methods may be called concurrently. Errors match fs.ErrNotExist, fs.ErrPermission, fs.ErrExist and the
// system's errno where there is one; their text is for the log.
type Sockets interface {
	// Dial connects to a socket. ctx bounds the dial alone. The connection has CloseWrite.
	Dial(ctx context.Context, path string) (net.Conn, error)
	// Listen makes a socket that only the account can use, mode 0600, as sshd's default StreamLocalBindMask. What
	// is at the path already is an error, unless unlink is set and it is a socket, which is then removed first
	// (StreamLocalBindUnlink). The listener's Close removes the socket.
	Listen(ctx context.Context, path string, unlink bool) (net.Listener, error)
	// ListenPrivate makes a socket with the base name in a new directory of its own that only the account can
	// enter, and says where. Close of the listener removes both.
	ListenPrivate(ctx context.Context, name string) (l net.Listener, path string, err error)
	// WritePrivate writes a new file, mode 0600, with the base name in such a directory, and says where. remove
	// removes both, within some seconds or not at all; it may be called repeatedly, and Close does the same.
	WritePrivate(ctx context.Context, name string, content []byte) (path string, remove func(), err error)
	// Close removes whatever is left of all that was made, and closes all listeners, but no connection. It
	// may be called repeatedly.
	Close() error
}
