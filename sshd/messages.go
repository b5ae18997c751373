// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	gossh "golang.org/x/crypto/ssh"
)

// The payloads of channel requests and channel opens, in wire order. Unmarshal refuses what is short,
// what is long and what lies about a length; a bool it would take for any byte, so none of those that
// are read has one.

// ptyReqMsg is "pty-req" (RFC 4254 section 6.2).
type ptyReqMsg struct {
	Term                         string
	Columns, Rows, Width, Height uint32
	Modes                        string
}

// windowChangeMsg is "window-change" (RFC 4254 section 6.7).
type windowChangeMsg struct {
	Columns, Rows, Width, Height uint32
}

func (m windowChangeMsg) size() WindowSize {
	return WindowSize(m)
}

// envMsg is "env" (RFC 4254 section 6.4).
type envMsg struct {
	Name, Value string
}

// execMsg is "exec" (RFC 4254 section 6.5).
type execMsg struct {
	Command string
}

// subsystemMsg is "subsystem" (RFC 4254 section 6.5).
type subsystemMsg struct {
	Name string
}

// signalMsg is "signal" (RFC 4254 section 6.9).
type signalMsg struct {
	Name string
}

// breakMsg is "break" (RFC 4335 section 3).
type breakMsg struct {
	Milliseconds uint32
}

// exitStatusMsg is "exit-status" (RFC 4254 section 6.10).
type exitStatusMsg struct {
	Status uint32
}

// exitSignalMsg is "exit-signal" (RFC 4254 section 6.10).
type exitSignalMsg struct {
	Signal     string
	CoreDumped bool
	Message    string
	Language   string
}

// directTCPIPMsg is the open of a "direct-tcpip" channel (RFC 4254 section 7.2).
type directTCPIPMsg struct {
	Host           string
	Port           uint32
	OriginatorHost string
	OriginatorPort uint32
}

// parse reads a payload into the message that it must hold, whole.
func parse[M any](payload []byte) (M, error) {
	var m M
	err := gossh.Unmarshal(payload, &m)
	return m, err
}
