// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"time"

	"switchyard/sshd"
)

const (
	// endingWait is how long after a process's death its container's may be seen,
	// where something kills one after the other. Where the kernel kills what is
	// in a PID namespace, its first process is exiting by then.
	endingWait = 250 * time.Millisecond
	endingTick = 5 * time.Millisecond
)

var _ sshd.Mortal = (*Target)(nil)

// Ending implements sshd.Mortal.
func (t *Target) Ending() bool {
	for deadline := time.Now().Add(endingWait); !t.main.Exiting(); time.Sleep(endingTick) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
