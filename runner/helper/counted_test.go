// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper_test

import (
	"testing"

	"switchyard/runner/host"
	"switchyard/runner/sessions"
	"switchyard/sshd"
)

func TestSFTPIsASessionAndTheHelperForSocketsIsNone(t *testing.T) {
	var starts []string
	target := host.New(host.Config{Helper: program(t), Log: testLog(t),
		Observe: func(s sessions.Start) { starts = append(starts, s.Way) }})
	s, err := target.Sockets(mine())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.WritePrivate(t.Context(), "file", nil); err != nil {
		t.Fatal(err)
	}
	if c := target.Sessions(); c.Sessions != 0 || c.Processes != 0 || len(starts) != 0 {
		t.Errorf("with the helper for sockets: %+v, starts %q", c, starts)
	}
	p, err := target.SFTP(t.Context(), sshd.Command{Account: mine()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.End()
	if c := target.Sessions(); c.Sessions != 1 || c.Processes != 1 || len(starts) != 1 {
		t.Errorf("with sftp: %+v, starts %q", c, starts)
	}
}
