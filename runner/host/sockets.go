// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"switchyard/runner/sessions"
	"switchyard/sshd"
)

var _ sshd.SocketTarget = (*Target)(nil)

// Sockets gives access to the machine's unix-domain sockets as the account.
func (t *Target) Sockets(a sshd.Account) (sshd.Sockets, error) {
	if t.cfg.Helper == nil {
		return nil, errNoHelper
	}
	if err := t.cfg.Helper.Check(); err != nil {
		return nil, err
	}
	return t.cfg.Helper.Sockets(a, t.helperStart(sshd.Command{Account: a}, sessions.Aside), t.cfg.Log), nil
}
