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

// TestTheRuntimeIsFoundWhateverTheChildIsGiven gives a child the descriptor just below the program's, above which
// syscall.StartProcess puts its pipe.
func TestTheRuntimeIsFoundWhateverTheChildIsGiven(t *testing.T) {
	loaded := program{path: lookPath(t, "true")}
	defer loaded.close()
	loaded.executable()
	if loaded.file == nil {
		t.Skip("programs do not run from memory here")
	}
	given := above(t, loaded.file, 300)
	p := program{path: loaded.path, file: above(t, loaded.file, int(given.Fd()))}
	p.once.Do(func() {})
	defer p.close()
	if p.file.Fd() != given.Fd()+1 {
		t.Fatalf("the descriptors are %d and %d", given.Fd(), p.file.Fd())
	}
	c := exec.Command(p.executable())
	c.ExtraFiles = []*os.File{given}
	if err := c.Run(); err != nil {
		t.Error(err)
	}
}

// above duplicates a descriptor to a number from the lowest on.
func above(t *testing.T, f *os.File, lowest int) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, lowest)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), f.Name())
	t.Cleanup(func() { file.Close() })
	return file
}

func TestAProgramThatDoesNotRunFromMemoryIsRunFromItsFile(t *testing.T) {
	script := filepath.Join(t.TempDir(), "runtime")
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
