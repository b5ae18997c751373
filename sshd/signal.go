// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"slices"

	gossh "golang.org/x/crypto/ssh"
)

// signalNames are the signals that RFC 4254 section 6.10 names.
var signalNames = []string{
	"ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2",
}

func isSignalName(name string) bool {
	return slices.Contains(signalNames, name)
}

// exitRequest is the request that tells how a process ended, and its payload: exit-signal when a signal
// killed it, else exit-status (RFC 4254 section 6.10).
func exitRequest(e Exit) (name string, payload []byte) {
	if e.Signal == "" {
		return "exit-status", gossh.Marshal(exitStatusMsg{Status: uint32(e.Code)})
	}
	return "exit-signal", gossh.Marshal(exitSignalMsg{
		Signal:     e.Signal,
		CoreDumped: e.CoreDumped,
		Message:    oneLine(e.Message),
		Language:   "en",
	})
}
