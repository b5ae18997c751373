// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package forwards

import (
	"fmt"
	"testing"

	"switchyard/test/e2e/internal/leftover"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// A runner that is killed can clear up nothing: what it had in the container does it.
func TestNoSocketAndNoHelperIsLeftInTheContainerWhenTheRunnerIsKilled(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", leftover.Served())
	c := w.SSHCommand(t, "-N", "-o", "ExitOnForwardFailure=yes", "-R", "/tmp/forwarded:/no/matter", "root@web")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	files := func() string { return web.Shell(t, "ls -A /tmp") }
	rig.Eventually(t, world.Deadline, func() (bool, string) { s := files(); return s == "forwarded", s })
	rig.Eventually(t, world.Deadline, func() (bool, string) { // what has just looked at the files is one for a moment
		all := web.Processes(t)
		return len(all) == leftover.Processes+1, fmt.Sprintf("the container has the processes %v", all)
	})
	web.Runner.Kill()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		left, processes := files(), web.Processes(t)
		return left == "" && len(processes) == leftover.Processes, fmt.Sprintf("files %q, processes %v", left, processes)
	})
}
