// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"switchyard/api"
)

func TestNewNamesWhatTheConfigLacks(t *testing.T) {
	for lacks, cfg := range map[string]Config{
		"no target":          {Signer: func() gossh.Signer { return nil }},
		"no host key signer": {Target: newHostTarget()},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), lacks) {
			t.Errorf("got %v, want %q", err, lacks)
		}
	}
}

func TestZeroConfigServes(t *testing.T) {
	h := newHost(t)
	h.cfg = Config{Target: h.target, Signer: h.cfg.Signer}
	c, _ := h.dial("app")
	if r := run(t, c, "echo ok", ""); r.stdout != "ok\n" {
		t.Errorf("got %q: %v", r.stdout, r.err)
	}
}

func TestConnectionWithoutAHostKeyFails(t *testing.T) {
	h := newHost(t)
	h.cfg.Signer = func() gossh.Signer { return nil }
	if err := h.serve().wait(t); err == nil || !strings.Contains(err.Error(), "no host keys") {
		t.Errorf("got %v", err)
	}
}

func TestServeAfterTheEndOfItsContextEndsAtOnce(t *testing.T) {
	h := newHost(t)
	h.cancel(context.DeadlineExceeded)
	if err := h.serve().wait(t); err != context.DeadlineExceeded {
		t.Errorf("got %v, want the cause", err)
	}
}

func TestEveryFeatureOfTheGrantIsNeeded(t *testing.T) {
	h := newHost(t)
	h.grant.Features = nil
	c, _ := h.dial("app")
	refusedChannel(t, c, "session", nil, gossh.Prohibited, "may not open sessions")
	refusedChannel(t, c, "direct-tcpip", encode("x", 1, "", 0), gossh.Prohibited, "may not forward")
	h.grant.Features = []api.Feature{"unknown"}
	c, _ = h.dial("app")
	refusedChannel(t, c, "session", nil, gossh.Prohibited, "may not open sessions")
}
