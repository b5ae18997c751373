// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDeadChildrenAreThoseThatWaitToBeReaped(t *testing.T) {
	lives := exec.Command("sleep", "1000")
	if err := lives.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = lives.Process.Kill()
		_ = lives.Wait()
	}()
	dies := exec.Command("true")
	dies.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := dies.Start(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, dies.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	found := func() bool {
		dead, err := DeadChildren()
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(dead, func(d Dead) bool { return d.PID == lives.Process.Pid }) {
			t.Error("a child that lives is among the dead")
		}
		return slices.Contains(dead, Dead{PID: dies.Process.Pid, Session: dies.Process.Pid})
	}
	if !found() {
		t.Error("a dead child was not found")
	}
	if err := dies.Wait(); err != nil {
		t.Fatal(err)
	}
	if found() {
		t.Error("a reaped child was found")
	}
}
