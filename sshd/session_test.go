// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"strings"
	"testing"
)

func TestCommandHasItsInputItsOutputsAndItsStatus(t *testing.T) {
	c, _ := newHost(t).dial("app")
	r := run(t, c, "cat; echo oops >&2; exit 7", "hello")
	if r.stdout != "hello" || r.stderr != "oops\n" || r.status != 7 {
		t.Errorf("got stdout %q, stderr %q, status %d", r.stdout, r.stderr, r.status)
	}
}

func TestEveryExitStatusArrives(t *testing.T) {
	c, _ := newHost(t).dial("app")
	for code := range 256 {
		if r := run(t, c, "exit "+itoa(code), ""); r.status != code {
			t.Fatalf("exit %d arrived as %d (%v)", code, r.status, r.err)
		}
	}
}

func TestEveryByteValuePassesBothWays(t *testing.T) {
	c, _ := newHost(t).dial("app")
	var all strings.Builder
	for i := range 256 {
		all.WriteByte(byte(i))
	}
	if r := run(t, c, "cat", all.String()); r.stdout != all.String() {
		t.Errorf("got %q", r.stdout)
	}
}
