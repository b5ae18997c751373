// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import "slices"

// maxNotes is how many notes wait for a session to show them.
const maxNotes = 8

// note keeps a line for the next session that has a terminal. SSH has no text for why a request failed, so
// whoever asked for a forward would otherwise learn no more than that it did; without a terminal,
// standard error may be part of somebody's protocol.
func (c *connection) note(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	line = oneLine(line)
	if len(c.notes) < maxNotes && !slices.Contains(c.notes, line) {
		c.notes = append(c.notes, line)
	}
}

// showNotes shows a session with a terminal what there is to know.
func (s *session) showNotes(cmd Command) {
	if cmd.Pty == nil {
		return
	}
	for _, line := range s.c.takeNotes() {
		s.tell("switchyard: " + line)
	}
}

func (c *connection) takeNotes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	notes := c.notes
	c.notes = nil
	return notes
}
