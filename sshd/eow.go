// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"errors"
	"strings"
)

// End of write, eow@openssh.com (OpenSSH PROTOCOL section 2.1), says that an end takes no more data of a
// session while the channel stays open. SSH itself has no such word: without it, "ssh web yes | head -1"
// never ends, as the client takes and drops what yes writes for ever.

// errNoReader ends the copy of an output that the client takes no more of.
var errNoReader = errors.New("the client takes no more output")

// handleEOW is the client's: what reads its standard output has gone.
func (s *session) handleEOW(payload []byte) error {
	if len(payload) != 0 {
		return errors.New("the request has a payload")
	}
	s.noReader.Store(true)
	if s.pty != nil || !s.isStarted() {
		return nil // a terminal has no broken pipe; its output is dropped
	}
	return s.control.do(closeStdout)
}

func closeStdout(p Process) error {
	if c, ok := p.(StdoutCloser); ok {
		return c.CloseStdout()
	}
	return nil
}

// stdout is the channel's standard output until the client takes no more of it.
type stdout struct{ s *session }

func (o stdout) Write(p []byte) (int, error) {
	if o.s.noReader.Load() {
		return 0, errNoReader
	}
	return chunks{o.s.ch}.Write(p)
}

// copyStdout carries the process's standard output. Output that has no reader any more is dropped, and
// a process whose output cannot be closed is told as the kernel would have: by SIGPIPE at its write.
func (s *session) copyStdout(p Process) {
	err := s.copyOutput(stdout{s}, p.Stdout())
	if !errors.Is(err, errNoReader) {
		return
	}
	if _, closes := p.(StdoutCloser); !closes && p.Stderr() != nil {
		p.Signal("PIPE")
	}
	discard(p.Stdout())
}

// sendEOW tells OpenSSH's client that input has no reader any more. Others are not told: the document
// knows of some that fail on it.
func (s *session) sendEOW() {
	if strings.HasPrefix(s.c.clientVersion, "SSH-2.0-OpenSSH") {
		s.ch.SendRequest("eow@openssh.com", false, nil)
	}
}
