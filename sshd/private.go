// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"errors"
	"sync"
)

// errNoSockets is why nothing with a path works in a target.
var errNoSockets = errors.New("sockets and files of the target cannot be reached")

// private is what a connection has in the target: its way to the target's sockets and files, and the socket
// of its agent.
type private struct {
	mu      sync.Mutex // guards sockets and closed; never held over I/O
	sockets Sockets
	closed  bool

	agentMu sync.Mutex // guards agent; held over I/O: who else wants the agent waits for it to be there
	agent   string     // where the socket is; empty: there is none
}

// sockets is the connection's way to the target's sockets and files, the same for all who ask.
func (c *connection) sockets() (Sockets, error) {
	p := &c.private
	p.mu.Lock()
	defer p.mu.Unlock()
	t, ok := c.cfg.Target.(SocketTarget)
	if !ok || p.closed {
		return nil, errNoSockets
	}
	if p.sockets == nil {
		sockets, err := t.Sockets(c.login)
		if err != nil {
			return nil, err
		}
		p.sockets = sockets
	}
	return p.sockets, nil
}

// close removes what the connection had in the target.
func (p *private) close() {
	p.mu.Lock()
	sockets := p.sockets
	p.closed = true
	p.mu.Unlock()
	if sockets != nil {
		sockets.Close()
	}
}
