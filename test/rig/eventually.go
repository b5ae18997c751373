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

// maxPause is the longest between two questions, but for those that take long themselves.
const maxPause = 100 * time.Millisecond

// poll calls cond at growing intervals until it is done or time is up. A question that takes long, as a command in a
// container does on a busy machine, is asked less often: it shall not take the time of what it waits for.
func poll(deadline time.Duration, cond func() (bool, string)) (state string, done bool) {
	end := time.Now().Add(deadline)
	for pause := time.Millisecond; ; pause = min(2*pause, maxPause) {
		asked := time.Now()
		if done, state = cond(); done {
			return state, true
		}
		if time.Now().After(end) {
			return state, false
		}
		time.Sleep(max(pause, min(2*time.Since(asked), 5*maxPause)))
	}
}
