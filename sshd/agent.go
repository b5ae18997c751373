// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"fmt"
	"net"

	"switchyard/api"
)

// handleAgent is auth-agent-req@openssh.com (OpenSSH's agent protocol, draft-ietf-sshm-ssh-agent section
// 5): programs of the session shall reach the client's agent. The socket is made when the process is
// started, as nothing here waits for the target.
func (s *session) handleAgent(payload []byte) error {
	err := s.mayForwardAgent(payload)
	if err != nil {
		s.c.note("your agent is not forwarded: " + err.Error())
		return err
	}
	s.agent = true
	return nil
}

func (s *session) mayForwardAgent(payload []byte) error {
	if len(payload) != 0 {
		return errors.New("the request has a payload")
	}
	if s.isStarted() {
		return errStarted
	}
	if !s.c.grant.Allows(api.FeatureAgentForward) {
		return errors.New("you may not forward an agent to " + s.c.cfg.TargetName)
	}
	_, err := s.c.sockets()
	return err
}

// agentVars are the session's variables for the agent.
func (s *session) agentVars() []string {
	if !s.agent {
		return nil
	}
	path, err := s.c.agentSocket()
	if err != nil {
		s.log.WithError(err).Warn("forwarding the agent")
		s.c.note("your agent is not forwarded: " + listenReason(err))
		return nil
	}
	return []string{"SSH_AUTH_SOCK=" + path}
}

// agentSocket is the path of the connection's agent socket, which it makes when there is none.
func (c *connection) agentSocket() (string, error) {
	p := &c.private
	p.agentMu.Lock()
	defer p.agentMu.Unlock()
	if p.agent != "" {
		return p.agent, nil
	}
	sockets, err := c.sockets()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.DialTimeout)
	defer cancel()
	l, path, err := sockets.ListenPrivate(ctx, "agent.1")
	if err != nil {
		return "", fmt.Errorf("making a socket for the agent: %w", err)
	}
	p.agent = path
	c.handlers.Go(func() {
		c.serveListener(c.ctx, l, "auth-agent@openssh.com", func(net.Conn) []byte { return nil })
	})
	return path, nil
}

// forwardVars are the session's variables for what is forwarded from inside to the client.
func (s *session) forwardVars() []string {
	return append(s.agentVars(), s.x11Vars()...)
}
