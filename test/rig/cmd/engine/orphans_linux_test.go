// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/test/rig"
)

func TestOrphansAreAdoptedAndReapedButTheEngine(t *testing.T) {
	if err := adopt(); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	input, keeps, err := os.Pipe() // it lives until its parent has gone, who might wait for it
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	parent := exec.Command("sh", "-c", "exec 3<&0; cat <&3 >/dev/null 2>&1 & echo $!")
	parent.Stdin = input
	out, err := parent.Output()
	keeps.Close()
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	state := func() string {
		for _, p := range rig.Processes(func(p rig.Process) bool { return p.PID == orphan && p.PPID == os.Getpid() }) {
			return string(p.State)
		}
		return "gone"
	}
	rig.Eventually(t, time.Minute, func() (bool, string) { return state() == "Z", state() })
	reap(orphan)
	if got := state(); got != "Z" {
		t.Errorf("the engine is %s", got)
	}
	reap(0)
	if got := state(); got != "gone" {
		t.Errorf("the orphan is %s", got)
	}
}
