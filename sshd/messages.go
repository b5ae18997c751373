// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	gossh "golang.org/x/crypto/ssh"
)

// The payloads of channel requests and channel opens, in wire order. Unmarshal refuses what is short,
// what is long and what lies about a length; a bool it takes for any byte.

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

// tcpipForwardMsg is "tcpip-forward" and "cancel-tcpip-forward" (RFC 4254 section 7.1).
type tcpipForwardMsg struct {
	Host string
	Port uint32
}

// portForwardedMsg answers a "tcpip-forward" for port 0 (RFC 4254 section 7.1).
type portForwardedMsg struct {
	Port uint32
}

// forwardedTCPIPMsg is the open of a "forwarded-tcpip" channel (RFC 4254 section 7.2).
type forwardedTCPIPMsg struct {
	Host           string
	Port           uint32
	OriginatorHost string
	OriginatorPort uint32
}

// directStreamLocalMsg is the open of a "direct-streamlocal@openssh.com" channel (OpenSSH PROTOCOL section
// 2.4).
type directStreamLocalMsg struct {
	Path      string
	Reserved  string
	Reserved2 uint32
}

// streamLocalForwardMsg is "streamlocal-forward@openssh.com" and its cancel (OpenSSH PROTOCOL section 2.4).
type streamLocalForwardMsg struct {
	Path string
}

// forwardedStreamLocalMsg is the open of a "forwarded-streamlocal@openssh.com" channel (OpenSSH PROTOCOL
// section 2.4).
type forwardedStreamLocalMsg struct {
	Path     string
	Reserved string
}

// x11ReqMsg is "x11-req" (RFC 4254 section 6.3.1). Any byte but 0 is a true SingleConnection (RFC 4251
// section 5).
type x11ReqMsg struct {
	SingleConnection bool
	Protocol, Cookie string
	Screen           uint32
}

// x11Msg is the open of an "x11" channel (RFC 4254 section 6.3.2).
type x11Msg struct {
	OriginatorHost string
	OriginatorPort uint32
}

// parse reads a payload into the message that it must hold, whole.
func parse[M any](payload []byte) (M, error) {
	var m M
	err := gossh.Unmarshal(payload, &m)
	return m, err
}
