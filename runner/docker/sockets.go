// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"errors"
	"fmt"

	"switchyard/sshd"
)

var _ sshd.SocketTarget = (*Target)(nil)

// Sockets gives access to the container's unix-domain sockets, which needs the container's runtime.
func (t *Target) Sockets(a sshd.Account) (sshd.Sockets, error) {
	start, err := t.helperStart(sshd.Command{Account: a}, true)
	if errors.Is(err, errNoRuntime) {
		return nil, fmt.Errorf("unix-socket, agent and X11 forwarding into container %q need the container's runtime, which this "+
			"runner does not call: it starts processes by docker exec (switchyardd runner --exec runc)", t.name)
	}
	if err != nil {
		return nil, err
	}
	if err := t.helper.Check(); err != nil {
		return nil, err
	}
	return t.helper.Sockets(a, start, t.log), nil
}
