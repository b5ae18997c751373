// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"testing"
	"time"
)

// Eventually polls until cond is done, and fails the test with cond's last
// state when the deadline passes first. The deadline only bounds a failure, so
// it can be generous: a slow machine must not fail a correct program.
func Eventually(tb testing.TB, deadline time.Duration, cond func() (done bool, state string)) {
	tb.Helper()
	if state, ok := poll(deadline, cond); !ok {
		tb.Fatalf("not within %v; the last state: %s", deadline, state)
	}
}

// poll calls cond at growing intervals until it is done or time is up.
func poll(deadline time.Duration, cond func() (bool, string)) (state string, done bool) {
	end := time.Now().Add(deadline)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		if done, state = cond(); done {
			return state, true
		}
		if time.Now().After(end) {
			return state, false
		}
		time.Sleep(pause)
	}
}
