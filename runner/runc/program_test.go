// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runc

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/runner/memfd"
)

func TestTheRuntimeIsRunFromAMemfdThatItTakesForItsOwn(t *testing.T) {
	p := program{path: lookPath(t, "true")}
	defer p.close()
	path := p.executable()
	if path == p.path || path != p.executable() {
		t.Fatalf("%q is executed, and then %q", path, p.executable())
	}
	if err := exec.Command(path).Run(); err != nil {
		t.Error(err)
	}
	// runc compares with equality (nsenter's cloned_binary.c, exeseal), so one seal more would have it copied anew.
	if seals, err := unix.FcntlInt(p.file.Fd(), unix.F_GET_SEALS, 0); err != nil || seals != memfd.Seals {
		t.Errorf("its seals are %#x, %v", seals, err)
	}
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		if _, err := f.Write([]byte("x")); err == nil {
			t.Error("it can be written to")
		}
		f.Close()
	}
}

func TestAProgramThatDoesNotRunFromMemoryIsRunFromItsFile(t *testing.T) {
	script := filepath.Join(t.TempDir(), "runtime") // its interpreter cannot open the descriptor, which it does not inherit
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{script, filepath.Join(t.TempDir(), "none")} {
		p := program{path: path}
		if got := p.executable(); got != path {
			t.Errorf("%q is executed for %q", got, path)
		}
		p.close()
	}
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("needs %s", name)
	}
	return path
}
