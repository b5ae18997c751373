// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"io"
	"sync"
)

// output is a channel's standard error (extended data type 1, RFC 4254 section 5.2) and the end of both
// its streams. The process and the server write to standard error, the library allows one writer at a
// time, and nothing may be written behind EOF.
type output struct {
	ch    *sessionChannel
	mu    sync.Mutex // serialises writers with EOF; held over I/O, so a stalled client holds it, too
	ended bool
}

// Write writes to standard error.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return 0, io.ErrClosedPipe
	}
	return o.ch.Stderr().Write(p)
}

// linger sends EOF while the process runs on. The copy of standard output must have ended.
func (o *output) linger() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended {
		o.ended = true
		o.ch.linger()
	}
}

// sendEOF ends both streams. The copy of standard output must have ended.
func (o *output) sendEOF() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended {
		o.ended = true
		o.ch.CloseWrite()
	}
}
