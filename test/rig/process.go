// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"os"

	"switchyard/test/rig/proc"
)

// Process is one entry of /proc, as it was when it was read (proc(5)).
type Process = proc.Process

// Processes lists the processes that match, in the order of their numbers. A
// nil match means all. Where there is no /proc, the list is empty.
func Processes(match func(Process) bool) []Process { return proc.List(match) }

// Children lists the processes that this one started and has not waited for.
func Children() []Process {
	return proc.List(func(p Process) bool { return p.PPID == os.Getpid() })
}
