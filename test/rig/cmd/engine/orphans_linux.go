// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"switchyard/test/rig/proc"
)

// adopt makes this process the parent of what the engine's processes leave
// behind, as containerd does its shims. Else they could fall to the test process
// that started this one, which may adopt, too (PR_SET_CHILD_SUBREAPER(2const)).
func adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopting orphans: %w", err)
	}
	return nil
}

// reap reaps adopted processes that have died, which is everything but the
// engine itself: whoever started that waits for it.
func reap(engine int) {
	dead := proc.List(func(p proc.Process) bool {
		return p.PPID == os.Getpid() && p.State == 'Z' && p.PID != engine
	})
	for _, p := range dead {
		_, _ = syscall.Wait4(p.PID, nil, syscall.WNOHANG, nil)
	}
}
