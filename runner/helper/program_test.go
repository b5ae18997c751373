// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/runner/helper"
	"switchyard/runner/host"
	"switchyard/sshd"
	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestNobodyCanChangeTheProgramInMemory(t *testing.T) {
	p := program(t)
	f, err := p.Sealed()
	if err != nil {
		t.Fatal(err)
	}
	original, err := os.ReadFile(world.Helper(t))
	if err != nil {
		t.Fatal(err)
	}
	path := "/proc/self/fd/" + strconv.Itoa(int(f.Fd()))
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("the descriptor can write")
	}
	attack(t, path)
	if err := unix.Fchmod(int(f.Fd()), 0o4777); err == nil {
		t.Log("the mode can be changed: this Linux has no F_SEAL_EXEC")
		unix.Fchmod(int(f.Fd()), 0o555)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, original) {
		t.Errorf("the copy has %d bytes, %v, and the program %d", len(now), err, len(original))
	}
	if again, err := p.Sealed(); err != nil || again != f {
		t.Errorf("asked again: %v, %v", again, err)
	}
}

// attack tries all that changes a file, as whoever runs the test: as root, no mode is in the way.
func attack(t *testing.T, path string) {
	t.Helper()
	if f, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
		if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ETXTBSY) {
			t.Errorf("writing to %s: %v", path, err)
		}
		for _, size := range []int64{0, 1 << 40} {
			if err := f.Truncate(size); err == nil {
				t.Errorf("truncating %s to %d worked", path, size)
			}
		}
		if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL); err == nil {
			t.Errorf("%s can be sealed once more", path)
		}
		f.Close()
	}
	if err := os.Truncate(path, 0); err == nil {
		t.Errorf("truncating %s by name worked", path)
	}
}

// What a process in a container can do to another of the same login, and root there to every one.
func TestARunningHelperLeadsToNothingThatCanBeChangedOrUsed(t *testing.T) {
	rig.NeedRoot(t)
	for name, uid := range map[string]int{"root": 0, "another": 65534} {
		t.Run(name, func(t *testing.T) {
			target := host.New(host.Config{Helper: program(t), Log: testLog(t)})
			p, err := target.SFTP(t.Context(), sshd.Command{Account: accountOf(uid)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.End)
			greet(t, p) // it has let go of what it does not need
			var self []rig.Process
			rig.Eventually(t, deadline, func() (bool, string) { // those of other tests may be about to go
				self = rig.Children()
				return len(self) == 1, fmt.Sprint("the children are ", self)
			})
			dir := "/proc/" + strconv.Itoa(self[0].PID)
			if exe, err := os.Readlink(dir + "/exe"); err != nil || !strings.HasPrefix(exe, "/memfd:switchyard-helper") {
				t.Errorf("the program is %q, %v", exe, err)
			}
			attack(t, dir+"/exe")
			expectDescriptors(t, dir+"/fd")
			if comm, err := os.ReadFile(dir + "/comm"); err != nil || string(comm) != "switchyard-sftp\n" {
				t.Errorf("its name is %q, %v", comm, err)
			}
			if uid != 0 { // as its own account, nothing of it can be looked at
				c := exec.Command("ls", dir+"/fd/")
				c.SysProcAttr = asUser(uid)
				if out, err := c.CombinedOutput(); err == nil {
					t.Errorf("its own account can see its descriptors: %s", out)
				}
			}
		})
	}
}

// expectDescriptors allows three pipes, and what the Go runtime opens for itself: what it waits with, and the limits of
// its own cgroup, for the number of threads.
func expectDescriptors(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	pipes := 0
	for _, e := range entries {
		switch to, _ := os.Readlink(filepath.Join(dir, e.Name())); {
		case strings.HasPrefix(to, "pipe:"):
			pipes++
		case strings.HasPrefix(to, "anon_inode:[event"), strings.HasPrefix(to, "/sys/fs/cgroup/"):
		default:
			t.Errorf("descriptor %s is %q", e.Name(), to)
		}
	}
	if pipes != 3 {
		t.Errorf("it has %d pipes", pipes)
	}
}

// greet speaks the first words of SFTP.
func greet(t *testing.T, p sshd.Process) {
	t.Helper()
	if _, err := p.Stdin().Write([]byte{0, 0, 0, 5, 1, 0, 0, 0, 3}); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 9)
	if _, err := io.ReadFull(p.Stdout(), head); err != nil || head[4] != 2 || head[8] != 3 {
		t.Fatalf("the server's first words are %v, %v", head, err)
	}
}

func TestAProgramThatCannotRunInEveryImageIsRefusedWithTheReason(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign")
	program, err := os.ReadFile(world.Helper(t))
	if err != nil {
		t.Fatal(err)
	}
	program[18] ^= 0xff // e_machine, elf(5)
	if err := os.WriteFile(foreign, program, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/bin/ls": "dynamically", "/no/such/file": "no such file", text: "no program", foreign: "another machine",
	} {
		p := helper.New(path)
		_, sealed := p.Sealed()
		for _, err := range []error{p.Check(), sealed} {
			if u := (*helper.UnavailableError)(nil); !errors.As(err, &u) || !strings.Contains(u.Error(), want) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if err := helper.New(world.Helper(t)).Check(); err != nil {
		t.Errorf("the right one: %v", err)
	}
}
