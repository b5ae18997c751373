// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package cgrouptest makes what looks like a container's cgroup, for tests: of each hierarchy that this machine lets a
// test write to, with processes in it that are nothing but this machine's. Most need Each.
package cgrouptest

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/test/rig"
)

// Limit bounds whatever a test waits for. It only bounds a failure.
const Limit = 2 * time.Minute

// Container is a cgroup with a main process in it.
type Container struct {
	ID        string
	PID       int
	Dir       string // the cgroup's
	Hierarchy string // "freezer", "pids" or "v2"
}

// Each runs a test for each hierarchy.
func Each(t *testing.T, test func(*testing.T, *Container)) {
	t.Helper()
	for _, hierarchy := range usable(t) {
		t.Run(hierarchy, func(t *testing.T) { test(t, New(t, hierarchy)) })
	}
}

// Best makes a container in the hierarchy that package cgroup prefers.
func Best(t *testing.T) *Container {
	t.Helper()
	return New(t, usable(t)[0])
}

// New makes a container in a hierarchy; the test is skipped where it cannot.
func New(t *testing.T, hierarchy string) *Container {
	t.Helper()
	if !slices.Contains(usable(t), hierarchy) {
		t.Skipf("needs to write to the cgroup hierarchy %s", hierarchy)
	}
	id := make([]byte, 32)
	rand.Read(id)
	c := &Container{ID: hex.EncodeToString(id), Hierarchy: hierarchy}
	parent := filepath.Join(parents()[hierarchy], "swt-"+c.ID[:12])
	c.Dir = filepath.Join(parent, c.ID)
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.remove(t, parent) })
	c.PID = c.Start(t, "exec sleep 1000000").PID
	return c
}

// usable are the hierarchies in which a test can make cgroups, the preferred first.
func usable(t *testing.T) (names []string) {
	t.Helper()
	rig.NeedRoot(t)
	all := parents()
	for _, name := range []string{"freezer", "pids", "v2"} {
		dir := filepath.Join(all[name], fmt.Sprintf("swt-try-%d", os.Getpid()))
		if all[name] != "" && os.Mkdir(dir, 0o755) == nil && os.Remove(dir) == nil {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Skip("needs a cgroup hierarchy that it may write to")
	}
	return names
}

// parents are the directories of this process's own cgroups, where hierarchies are usually mounted.
func parents() map[string]string {
	text, _ := os.ReadFile("/proc/self/cgroup")
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) < 3 {
			continue
		}
		for _, name := range strings.Split(f[1], ",") {
			if name == "freezer" || name == "pids" {
				all[name] = filepath.Join("/sys/fs/cgroup", f[1], f[2])
			}
		}
		for _, root := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
			if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); f[0] == "0" && err == nil {
				all["v2"] = filepath.Join(root, f[2])
				break
			}
		}
	}
	return all
}

// remove kills what is in it, and removes it.
func (c *Container) remove(t *testing.T, parent string) {
	rig.Eventually(t, Limit, func() (bool, string) {
		left := c.PIDs()
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return len(left) == 0, fmt.Sprintf("processes %v", left)
	})
	removeAll(parent)
	if _, err := os.Stat(parent); err == nil {
		t.Errorf("%q cannot be removed", parent)
	}
}

func removeAll(dir string) {
	for _, below := range Below(dir) {
		removeAll(filepath.Join(dir, below))
	}
	_ = os.Remove(dir)
}

// Below lists the cgroups in a cgroup.
func Below(dir string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// PIDs lists the processes in the container, and in all cgroups below it.
func (c *Container) PIDs() []int { return pids(c.Dir) }

func pids(dir string) (all []int) {
	text, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	for _, field := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
			all = append(all, pid)
		}
	}
	for _, below := range Below(dir) {
		all = append(all, pids(filepath.Join(dir, below))...)
	}
	return all
}

// Process is a shell that leads a session in the container, with pipes.
type Process struct {
	PID    int
	In     io.Writer
	out    *bufio.Reader
	Exited <-chan struct{} // closed when it has been reaped
}

// Start runs a script.
func (c *Container) Start(t *testing.T, script string) *Process {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `read -r _; eval "$1"`, "sh", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	exited := make(chan struct{})
	go func() { defer close(exited); _, _ = cmd.Process.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-exited; in.Close(); r.Close() })
	if err := os.WriteFile(filepath.Join(c.Dir, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, "\n")
	return &Process{PID: cmd.Process.Pid, In: in, out: bufio.NewReader(r), Exited: exited}
}

// Line is the next line that it prints.
func (p *Process) Line(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("reading what process %d prints: %q, %v", p.PID, line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// Number is the next line that it prints, as a number.
func (p *Process) Number(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(p.Line(t))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Alive tells whether there is a process that has not exited.
func Alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return after != "" && after[0] != 'Z' && after[0] != 'X'
}

// Gone waits until processes have gone.
func Gone(t *testing.T, pids ...int) {
	t.Helper()
	rig.Eventually(t, Limit, func() (bool, string) {
		left := slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return !Alive(pid) })
		return len(left) == 0, fmt.Sprintf("processes %v are there", left)
	})
}

// Groups finds the cgroups that are ours in a Docker container's, in whichever hierarchy and with whichever driver.
func Groups(id string) (dirs []string) {
	for _, pattern := range []string{"", "/*"} {
		for _, own := range []string{"/docker/" + id, "/system.slice/docker-" + id + ".scope"} {
			found, _ := filepath.Glob("/sys/fs/cgroup" + pattern + own + "/switchyard-*")
			dirs = append(dirs, found...)
		}
	}
	return dirs
}
