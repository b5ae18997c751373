// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"net"

	"switchyard/runner/netns"
)

// Dial connects inside the container's network, to a name as the container's
// own /etc/hosts and /etc/resolv.conf know it. All its addresses are tried in
// turn. The error holds the system's errno where there is one.
func (t *Target) Dial(ctx context.Context, host string, port uint16) (net.Conn, error) {
	conn, err := t.names.DialName(ctx, host, port)
	if errors.Is(err, netns.ErrGone) {
		return nil, t.ended()
	}
	return conn, err
}
