// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"net"

	"switchyard/runner/listen"
	"switchyard/runner/netns"
	"switchyard/sshd"
)

var (
	_ sshd.PortListener = (*Target)(nil)
	_ sshd.Hostnamer    = (*Target)(nil)
)

// Listen listens inside the container's network.
func (t *Target) Listen(ctx context.Context, a sshd.Account, host string, port uint16) (net.Listener, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err := t.ns.MayBind(a.UID, port)
	var l net.Listener
	if err == nil {
		l, err = listen.On(t.ns.Listen, host, port)
	}
	if errors.Is(err, netns.ErrGone) {
		return nil, t.ended()
	}
	return l, err
}

// Hostname is the container's name for itself.
func (t *Target) Hostname() (string, error) { return t.ns.Hostname() }
