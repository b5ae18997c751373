// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"errors"
	"fmt"
)

// handle does what a request asks for. It never waits for the process.
func (s *session) handle(name string, payload []byte) error {
	switch name {
	case "pty-req":
		return s.handlePty(payload)
	case "window-change":
		return s.handleWindowChange(payload)
	case "env":
		return s.handleEnv(payload)
	case "auth-agent-req@openssh.com":
		return s.handleAgent(payload)
	case "x11-req":
		return s.handleX11(payload)
	case "shell":
		return s.handleShell(payload)
	case "exec":
		return s.handleExec(payload)
	case "subsystem":
		return s.handleSubsystem(payload)
	case "signal":
		return s.handleSignal(payload)
	case "break":
		return s.handleBreak(payload)
	case "eow@openssh.com":
		return s.handleEOW(payload)
	}
	return errors.New("this server has no such request")
}

func (s *session) handlePty(payload []byte) error {
	pty, err := parsePty(payload)
	if err != nil {
		return err
	}
	if s.pty != nil || s.isStarted() {
		return errors.New("a terminal is asked for once, before the process starts")
	}
	s.pty = pty
	s.mu.Lock()
	s.terminal = true
	s.mu.Unlock()
	return nil
}

// handleWindowChange sets the size that the process starts with, or, once it has been asked for, the
// size that it has.
func (s *session) handleWindowChange(payload []byte) error {
	m, err := parse[windowChangeMsg](payload)
	if err != nil {
		return err
	}
	if s.pty == nil {
		return errNoTerminal
	}
	if s.isStarted() {
		s.control.resize(m.size())
	} else {
		s.pty.Size = m.size()
	}
	return nil
}

func (s *session) handleEnv(payload []byte) error {
	m, err := parse[envMsg](payload)
	if err != nil {
		return err
	}
	if s.isStarted() {
		return errStarted
	}
	return s.env.add(s.c.cfg, m.Name, m.Value)
}

func (s *session) handleSignal(payload []byte) error {
	m, err := parse[signalMsg](payload)
	if err != nil {
		return err
	}
	if !isSignalName(m.Name) {
		return fmt.Errorf("there is no signal %s", quote(m.Name))
	}
	if !s.isStarted() {
		return errNotStarted
	}
	return s.control.do(func(p Process) error { return p.Signal(m.Name) })
}

func (s *session) handleBreak(payload []byte) error {
	if _, err := parse[breakMsg](payload); err != nil {
		return err
	}
	if s.pty == nil {
		return errNoTerminal
	}
	if !s.isStarted() {
		return errNotStarted
	}
	return s.control.do(Process.Break)
}

var (
	errStarted    = errors.New("the process has been started")
	errNotStarted = errors.New("no process has been started")
	errNoTerminal = errors.New("the session has no terminal")
)
