// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package leaks

import (
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) { VerifyTestMain(m) }

func TestAGoroutineThatStaysIsFound(t *testing.T) {
	stop := make(chan struct{})
	go func() { <-stop }()
	if err := Find(0); err == nil || !strings.Contains(err.Error(), "TestAGoroutineThatStaysIsFound") || verdict(err) != 1 {
		t.Errorf("found: %v", err)
	}
	close(stop)
	if err := Find(Patience); err != nil || verdict(err) != 0 {
		t.Errorf("once it has ended: %v", err)
	}
}

func TestAGoroutineThatTakesItsTimeToEndIsWaitedFor(t *testing.T) {
	go func() { <-time.After(time.Second) }() // goleak alone waits for half of one
	if err := Find(Patience); err != nil {
		t.Error(err)
	}
}
