// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// shim is containerd's process that keeps a container: the parent of its main process.
type shim struct {
	pid       int
	namespace string // containerd's, "moby" for Docker
	runtime   runtimeOptions
}

// runtimeOptions are how containerd told the shim to call the runtime; it leaves them in the container's
// bundle, which is the shim's working directory. The names are those of containerd's
// api/types/runtimeoptions and its forerunners.
type runtimeOptions struct {
	BinaryName    string `json:"binary_name"`
	Root          string `json:"root"`
	SystemdCgroup bool   `json:"systemd_cgroup"`
}

// findShim finds the shim of a container's main process.
func findShim(main int) (*shim, error) {
	parent, err := parentOf(main)
	if err != nil {
		return nil, err
	}
	arguments, err := os.ReadFile(procFile(parent, "cmdline"))
	if err != nil {
		return nil, err
	}
	words := strings.Split(string(arguments), "\x00")
	if base := filepath.Base(words[0]); !strings.HasPrefix(base, "containerd-shim-runc-") {
		return nil, fmt.Errorf("the container is kept by %.40q and not by containerd's shim for runc: only docker exec starts processes there", base)
	}
	s := &shim{pid: parent, namespace: argument(words, "-namespace")}
	if s.namespace == "" {
		return nil, errors.New("the container's shim does not tell its namespace")
	}
	return s, s.readOptions()
}

func (s *shim) readOptions() error {
	bundle, err := os.Readlink(procFile(s.pid, "cwd"))
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(bundle, "options.json"))
	if err != nil {
		return fmt.Errorf("the options of the container's runtime: %v: start the runner where it sees Docker's files", err)
	}
	if err := json.Unmarshal(text, &s.runtime); err != nil {
		return fmt.Errorf("the options of the container's runtime: %v", err)
	}
	if !filepath.IsAbs(s.runtime.Root) {
		return fmt.Errorf("the container's runtime keeps its state in %q, which is no path", s.runtime.Root)
	}
	return nil
}

// argument is the value of a flag of the shim's.
func argument(words []string, flag string) string {
	for i, word := range words {
		if word == flag && i+1 < len(words) {
			return words[i+1]
		}
	}
	return ""
}

// program finds the runtime's program as the shim does: by its name in its PATH.
func (s *shim) program() (string, error) {
	name := s.runtime.BinaryName
	if name == "" {
		name = "runc"
	}
	if base := filepath.Base(name); base != "runc" && base != "crun" {
		return "", fmt.Errorf("the container's runtime is %q, and neither runc nor crun: only docker exec starts processes there", base)
	}
	if filepath.IsAbs(name) {
		return exec.LookPath(name)
	}
	for _, dir := range append(s.path(), filepath.SplitList(os.Getenv("PATH"))...) {
		if file := filepath.Join(dir, name); filepath.IsAbs(file) {
			if found, err := exec.LookPath(file); err == nil {
				return found, nil
			}
		}
	}
	return "", fmt.Errorf("the container's runtime, %q, is not in the PATH of Docker nor of this runner: add its directory to that of this runner", name)
}

func (s *shim) path() []string {
	environ, _ := os.ReadFile(procFile(s.pid, "environ"))
	for _, variable := range strings.Split(string(environ), "\x00") {
		if path, ok := strings.CutPrefix(variable, "PATH="); ok {
			return filepath.SplitList(path)
		}
	}
	return nil
}

// flags are the runtime's, before its command.
func (s *shim) flags() []string {
	flags := []string{"--root", filepath.Join(s.runtime.Root, s.namespace)}
	if s.runtime.SystemdCgroup {
		flags = append(flags, "--systemd-cgroup")
	}
	return flags
}

// confinement are the fields of /proc/PID/status that say how a process is confined, and what sets them in a unit
// (systemd.exec(5)).
var confinement = []struct{ name, setting string }{
	{"NoNewPrivs", "NoNewPrivileges="},
	{"Seccomp", "SystemCallFilter= and others"},
	{"CapBnd", "CapabilityBoundingSet="},
}

// confinedAlike refuses where this process is confined in another way than the engine: its processes inherit
// that, and no runtime can take it off again. A runtime enters the user namespace of a container that has one of its
// own, and no other: for an engine that is itself in one (rootless Docker) the processes would be in ours, and what
// is root there would be the machine's.
func (s *shim) confinedAlike() error {
	if err := s.usersAlike(); err != nil {
		return err
	}
	theirs, err := os.ReadFile(procFile(s.pid, "status"))
	if err != nil {
		return err
	}
	ours, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for _, field := range confinement {
		if a, b := statusField(ours, field.name), statusField(theirs, field.name); a != b {
			return fmt.Errorf("this runner is confined in another way than Docker (%s %q, Docker has %q): start it with the same (systemd: %s)", field.name, a, b, field.setting)
		}
	}
	return nil
}

// usersAlike refuses an engine in another user namespace (user_namespaces(7)).
func (s *shim) usersAlike() error {
	theirs, err := os.Stat(procFile(s.pid, "ns/user"))
	if err != nil {
		return err
	}
	ours, err := os.Stat("/proc/self/ns/user")
	if err != nil {
		return err
	}
	if !os.SameFile(ours, theirs) {
		return errors.New("this runner is in another user namespace than Docker, as with rootless Docker: only docker exec starts processes there")
	}
	return nil
}

// statusField finds a field of /proc/PID/status (proc_pid_status(5)).
func statusField(status []byte, name string) string {
	for line := range bytes.Lines(status) {
		if v, ok := bytes.CutPrefix(line, []byte(name+":")); ok {
			return string(bytes.TrimSpace(v))
		}
	}
	return ""
}

func parentOf(pid int) (int, error) {
	status, err := os.ReadFile(procFile(pid, "status"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(statusField(status, "PPid"))
}

func procFile(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }
