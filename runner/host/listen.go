// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"

	"switchyard/runner/listen"
	"switchyard/sshd"
)

var (
	_ sshd.PortListener = (*Target)(nil)
	_ sshd.Hostnamer    = (*Target)(nil)
)

// Listen listens on a port of the machine. The kernel decides by who we are, which as root is not who
// the account is.
func (t *Target) Listen(ctx context.Context, a sshd.Account, host string, port uint16) (net.Listener, error) {
	content, err := os.ReadFile(listen.UnprivilegedPortFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := listen.MayBind(a.UID, port, content); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	return listen.On(func(network string, address netip.AddrPort) (net.Listener, error) {
		return config.Listen(ctx, network, address.String())
	}, host, port)
}

// Hostname is the machine's name.
func (t *Target) Hostname() (string, error) { return os.Hostname() }
