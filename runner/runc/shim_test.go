// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runc

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"switchyard/test/rig"
)

// startIn starts a process that waits for the test's end, and returns its number.
func startIn(t *testing.T, attributes *syscall.SysProcAttr) int {
	t.Helper()
	c := exec.Command("cat")
	c.SysProcAttr = attributes
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("needs user namespaces: %v", err)
	}
	t.Cleanup(func() { in.Close(); c.Wait() })
	return c.Process.Pid
}

// Whoever is root by that runtime would be the machine's root, and not that of the engine's namespace.
func TestAnEngineInAnotherUserNamespaceIsLeftToItself(t *testing.T) {
	rig.NeedRoot(t)
	ids := []syscall.SysProcIDMap{{Size: 1}}
	elsewhere := startIn(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids})
	err := (&shim{pid: elsewhere}).confinedAlike()
	if err == nil || !strings.Contains(err.Error(), "user namespace") {
		t.Errorf("got %v", err)
	}
	if err := (&shim{pid: startIn(t, nil)}).confinedAlike(); err != nil {
		t.Errorf("one in the same: %v", err)
	}
}
