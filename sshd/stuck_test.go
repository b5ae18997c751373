// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"errors"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

// TestClientThatBreaksTheProtocolLeavesNothing sends what ends the connection with more behind it than the
// library's queue holds. That no goroutine is left is for the check at the end of all tests.
func TestClientThatBreaksTheProtocolLeavesNothing(t *testing.T) {
	channelData := gossh.Marshal(struct {
		ID   uint32 `sshtype:"94"`
		Data string
	}{999, "to a channel that is none"})
	keepAlive := gossh.Marshal(struct {
		Name  string `sshtype:"80"`
		Reply bool
	}{"keepalive@openssh.com", false})
	for name, broken := range map[string][]byte{
		"data for no channel":   channelData,
		"an unknown message":    {200, 0, 0, 0, 0, 0},
		"a message cut short":   {94, 0},
		"a key exchange's part": {30, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			s := h.serve()
			brokenOff(t, s, dialRaw(t, s.conn), broken, keepAlive)
		})
	}
	t.Run("while it authenticates", func(t *testing.T) {
		h := newHost(t)
		s := h.serve()
		c := startRaw(t, s.conn)
		c.askToAuthenticate()
		brokenOff(t, s, c, channelData, keepAlive)
	})
}

// brokenOff sends a packet, and many others behind it.
func brokenOff(t *testing.T, s *served, c *rawClient, broken, more []byte) {
	t.Helper()
	burst := c.packet(broken)
	for range 200 {
		burst = append(burst, c.packet(more)...)
	}
	s.conn.Write(burst) // the server may be gone before all is written
	if err := s.wait(t); err == nil || strings.Contains(err.Error(), "let go") {
		t.Errorf("Serve gives %v, want the reason for which the connection ended", err)
	}
}

// TestClientThatDoesNotAuthenticateIsNotReadForEver has a client send what SSH ignores.
func TestClientThatDoesNotAuthenticateIsNotReadForEver(t *testing.T) {
	h := newHost(t)
	s := h.serve()
	c := startRaw(t, s.conn)
	ignored := gossh.Marshal(struct {
		Data []byte `sshtype:"2"`
	}{make([]byte, 16<<10)})
	for range 2 * maxUnauthenticated / len(ignored) {
		s.conn.Write(c.packet(ignored)) // the server may be gone
	}
	if err := s.wait(t); !errors.Is(err, errUnauthenticated) {
		t.Errorf("Serve gives %v, want %v", err, errUnauthenticated)
	}
}
