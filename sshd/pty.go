// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	ttyOpEnd = 0 // TTY_OP_END, RFC 4254 section 8
	// firstUndefinedMode is where the opcodes begin whose arguments have no known form; they end the
	// parsing (RFC 4254 section 8).
	firstUndefinedMode = 160

	maxTerm  = 128  // bytes; terminfo(5) names are far shorter
	maxModes = 4096 // bytes of encoded modes; all 159 opcodes need 796
)

// parsePty reads a pty-req.
func parsePty(payload []byte) (*Pty, error) {
	m, err := parse[ptyReqMsg](payload)
	if err != nil {
		return nil, err
	}
	if err := checkTerm(m.Term); err != nil {
		return nil, err
	}
	modes, err := decodeModes([]byte(m.Modes))
	if err != nil {
		return nil, err
	}
	size := windowChangeMsg{m.Columns, m.Rows, m.Width, m.Height}.size()
	return &Pty{Term: m.Term, Size: size, Modes: modes}, nil
}

// checkTerm keeps from TERM what no terminal type has and what an environment cannot hold.
func checkTerm(term string) error {
	if len(term) > maxTerm {
		return fmt.Errorf("the terminal type %s has %d bytes: %d is the most", quote(term), len(term), maxTerm)
	}
	for i := range len(term) {
		if term[i] <= ' ' || term[i] > '~' {
			return fmt.Errorf("the terminal type %s has a byte that is not printable ASCII", quote(term))
		}
	}
	return nil
}

// decodeModes reads encoded terminal modes (RFC 4254 section 8). A list that lacks its TTY_OP_END is
// read to its end, since some clients send an empty one; opcodes that are not known here are kept, for
// the target to judge.
func decodeModes(b []byte) ([]TerminalMode, error) {
	if len(b) > maxModes {
		return nil, fmt.Errorf("the terminal modes have %d bytes: %d is the most", len(b), maxModes)
	}
	var modes []TerminalMode
	for len(b) > 0 && b[0] != ttyOpEnd && b[0] < firstUndefinedMode {
		if len(b) < 5 {
			return nil, errors.New("the terminal modes end inside an argument")
		}
		modes = append(modes, TerminalMode{Opcode: b[0], Value: binary.BigEndian.Uint32(b[1:])})
		b = b[5:]
	}
	return modes, nil
}
