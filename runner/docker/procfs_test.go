// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestACommandsNameCannotForgeItsState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stat")
	for content, want := range map[string]byte{
		"12 (sh) T 1 12 12 0": 'T', "12 (a) R 1 (b) S 7 1": 'S', "12 (x": 0, "": 0, "12 ())": 0,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		stat, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := state(stat); got != want {
			t.Errorf("%q: got %q, want %q", content, got, want)
		}
		stat.Close()
	}
}

func TestParentIsWhatTheSystemSays(t *testing.T) {
	if got, err := parent(os.Getpid()); got != os.Getppid() || err != nil {
		t.Errorf("got %d, %v; want %d", got, err, os.Getppid())
	}
	if _, err := parent(1 << 22); err == nil {
		t.Error("a process that cannot exist has a parent")
	}
}

// A command that ended while its cgroup was read, "no such process", was not taken for one that had ended.
func TestAProcessMayEndWhileItIsRead(t *testing.T) {
	c := exec.Command("sleep", "1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	opened, err := os.Open(procPath(c.Process.Pid, "cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	c.Process.Kill()
	c.Wait()
	if _, err := io.ReadAll(opened); err == nil || !isGone(err) {
		t.Errorf("reading on: %v", err)
	}
	if _, err := os.ReadFile(procPath(c.Process.Pid, "cgroup")); err == nil || !isGone(err) {
		t.Errorf("opening again: %v", err)
	}
}
