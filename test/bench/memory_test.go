// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"switchyard/test/rig"
)

// BenchmarkMemory is what one idle session costs each part in resident memory.
func BenchmarkMemory(b *testing.B) {
	y := newYard(b)
	const sessions = 40
	first := y.idle(b) // what a part needs once is not a session's
	controller, runner := resident(b, y.Controller.PID()), resident(b, y.web.Runner.PID())
	var connect int64
	for range sessions {
		connect += resident(b, y.idle(b))
	}
	b.ReportMetric(kib(resident(b, y.Controller.PID())-controller)/sessions, "controller-KiB/session")
	b.ReportMetric(kib(resident(b, y.web.Runner.PID())-runner)/sessions, "runner-KiB/session")
	b.ReportMetric(kib(connect)/sessions, "connect-KiB")
	b.ReportMetric(kib(resident(b, first)), "first-connect-KiB")
	b.ReportMetric(0, "ns/op")
}

// idle starts a session that does nothing, and returns the pid of its ProxyCommand.
func (y *yard) idle(b *testing.B) (connect int) {
	b.Helper()
	c := y.ours(b, "echo R; exec cat")
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); c.Process.Kill(); c.Wait() })
	if _, err := io.ReadFull(out, make([]byte, 2)); err != nil {
		b.Fatal(err)
	}
	return childOf(b, c)
}

func childOf(b *testing.B, c *exec.Cmd) int {
	b.Helper()
	children := rig.Processes(func(p rig.Process) bool { return p.PPID == c.Process.Pid })
	if len(children) != 1 {
		b.Fatalf("ssh has the children %v, want its ProxyCommand alone", children)
	}
	return children[0].PID
}

// resident is VmRSS in bytes, proc(5).
func resident(b *testing.B, pid int) (bytes int64) {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &bytes); err == nil {
			return bytes << 10
		}
	}
	b.Fatalf("no VmRSS in the status of %d", pid)
	return 0
}

func kib(bytes int64) float64 { return float64(bytes) / (1 << 10) }
