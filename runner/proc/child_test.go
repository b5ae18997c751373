// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPeekChildSaysWhatWaitSaysAfterIt(t *testing.T) {
	for _, script := range []string{"exit 0", "exit 3", "exit 255", "kill -TERM $$", "kill -KILL $$", "kill -ABRT $$"} {
		cmd := exec.Command("/bin/sh", "-c", script)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		cmd.Dir = t.TempDir()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		fd, err := openPidfd(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := fd.wait(unix.POLLIN, time.Time{}); err != nil {
			t.Fatal(err)
		}
		fd.close()
		got, err := PeekChild(cmd.Process.Pid)
		cmd.Wait()
		if want := cmd.ProcessState.Sys().(syscall.WaitStatus); err != nil || got != want {
			t.Errorf("%s: the status is %#x, %v; need %#x", script, got, err, want)
		}
	}
}

func TestPeekChildRefusesOneThatRunsAndOneThatIsNone(t *testing.T) {
	s := start(t, "read x")
	if ws, err := PeekChild(s.PID()); err == nil {
		t.Errorf("a running process has status %#x", ws)
	}
	if ws, err := PeekChild(1); err == nil {
		t.Errorf("another's child has status %#x", ws)
	}
}

func TestExitedIsTrueFromTheExitOn(t *testing.T) {
	s := start(t, "read x")
	if s.Exited() {
		t.Error("a living leader has exited")
	}
	s.in.Close()
	s.wait()
	if !s.Exited() {
		t.Error("the leader has exited, but Exited is false")
	}
	s.await(s.reaped, "the exit")
	s.Close()
	if !s.Exited() {
		t.Error("after Close, Exited is false")
	}
}
