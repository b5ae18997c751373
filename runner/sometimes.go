// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"sync"
	"time"
)

// complaintInterval is how often at most a refusal is logged as a warning.
const complaintInterval = 10 * time.Second

// sometimes says yes, and then no for a while. The zero value is ready.
type sometimes struct {
	mu   sync.Mutex // guards next
	next time.Time
}

func (s *sometimes) now() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Before(s.next) {
		return false
	}
	s.next = now.Add(complaintInterval)
	return true
}
