// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"switchyard/runner/netns"
	"switchyard/sshd"
)

var _ sshd.FilteredDialer = (*Target)(nil)

// Dial connects inside the container's network, to a name as the container's
// own /etc/hosts and /etc/resolv.conf know it. All its addresses are tried in
// turn. The error holds the system's errno where there is one.
func (t *Target) Dial(ctx context.Context, host string, port uint16) (net.Conn, error) {
	return t.alive(t.names.DialName(ctx, host, port))
}

// DialFiltered is Dial to the addresses that may be dialled, by names that the container's own /etc/hosts
// knows.
func (t *Target) DialFiltered(ctx context.Context, host string, port uint16, may func(netip.Addr) error) (net.Conn, error) {
	return t.alive(t.names.DialAllowed(ctx, host, port, may))
}

// alive makes the error of a container that has ended one that says so.
func (t *Target) alive(conn net.Conn, err error) (net.Conn, error) {
	if errors.Is(err, netns.ErrGone) {
		return nil, t.ended()
	}
	return conn, err
}
