// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sessions

import "fmt"

// Policy says what becomes of a session's processes when the session ends: when its connection is lost or ended by
// anybody, and just so when its leader has exited and left others behind.
type Policy string

const (
	// HangUp sends SIGHUP to the session, and after the grace SIGKILL to what is left of it; what was detached on
	// purpose, by setsid(2) or by ignoring SIGHUP, stays, as with OpenSSH's server. It is what "" means.
	HangUp Policy = "hup"
	// Kill does the same, and then kills whatever else is in the session's cgroup, detached or not. Without a
	// cgroup it is HangUp.
	Kill Policy = "kill"
	// Keep ends nothing.
	Keep Policy = "keep"
)

// ParsePolicy reads a policy.
func ParsePolicy(s string) (Policy, error) {
	switch p := Policy(s); p {
	case HangUp, Kill, Keep:
		return p, nil
	}
	return "", fmt.Errorf("what becomes of processes when their session ends is hup, kill or keep, and not %q", s)
}
