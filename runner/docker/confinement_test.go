// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"switchyard/sshd"
	"switchyard/test/rig"
)

// whatConfines prints all that the kernel tells a process of how it is confined and what it inherited. What is in attr is
// a security module's, and nothing where the kernel has none: see TestADescriptionHasTheContainersConfinement in package runc.
const whatConfines = `grep -E '^(Umask|Uid|Gid|Groups|SigBlk|SigIgn|Cap|NoNewPrivs|Seccomp)' /proc/self/status; cat /proc/self/cgroup;` +
	`cat /proc/self/attr/* 2>/dev/null; cat /proc/self/limits; cat /proc/self/oom_score_adj; cat /proc/self/?id_map /proc/self/setgroups;` +
	`for n in /proc/self/ns/*; do readlink $n; done; ls /proc/self/fd | wc -l; env | sort`

// ofTheGate are variables that a shell which ran another may set, or that tell how often.
var ofTheGate = regexp.MustCompile(`(?m)^(_|SHLVL|PWD|OLDPWD|HOME|USER|LOGNAME|SHELL)=.*\n`)

// ofTheSession is the last part of a process's path in one hierarchy of cgroups.
var ofTheSession = regexp.MustCompile(`(?m)^(\d+:.*)/switchyard-session-[0-9-]+$`)

// inTheContainersCgroup takes off a session's cgroup, which a process of a user's is in, in one hierarchy and no other.
func inTheContainersCgroup(t *testing.T, output string) string {
	t.Helper()
	if n := len(ofTheSession.FindAllString(output, -1)); n != 1 {
		t.Errorf("it is in cgroups of sessions in %d hierarchies:\n%s", n, output)
	}
	output = ofTheSession.ReplaceAllString(output, "$1")
	return regexp.MustCompile(`(?m)^0::$`).ReplaceAllString(output, "0::/") // seen from a cgroup namespace of the container's
}

func adjusted(adjust func(*container.Config, *container.HostConfig)) rig.ContainerSpec {
	return rig.ContainerSpec{Adjust: func(o *client.ContainerCreateOptions) { adjust(o.Config, o.HostConfig) }}
}

// unfiltered names the container whose system calls nobody filters.
const unfiltered = "no seccomp filter"

// confinements are containers that are confined each in its own way.
var confinements = map[string]rig.ContainerSpec{
	"default":          {},
	"read-only":        {ReadOnly: true},
	"non-root":         {User: "bob"},
	"host's processes": {Adjust: hostPID},
	"host's network and IPC": adjusted(func(_ *container.Config, h *container.HostConfig) {
		h.NetworkMode, h.IpcMode, h.UTSMode = "host", "host", "host"
	}),
	"capabilities": adjusted(func(_ *container.Config, h *container.HostConfig) {
		h.CapDrop, h.CapAdd = []string{"CHOWN", "NET_RAW"}, []string{"SYS_PTRACE"}
	}),
	"no capabilities":   adjusted(func(_ *container.Config, h *container.HostConfig) { h.CapDrop = []string{"ALL"} }),
	"no new privileges": adjusted(func(_ *container.Config, h *container.HostConfig) { h.SecurityOpt = []string{"no-new-privileges"} }),
	unfiltered:          adjusted(func(_ *container.Config, h *container.HostConfig) { h.SecurityOpt = []string{"seccomp=unconfined"} }),
	"limits": adjusted(func(_ *container.Config, h *container.HostConfig) {
		// Some releases of runc race with their own Go runtime for the soft limit of open files, and give the hard
		// one at times, whoever calls them: here both are the same.
		h.Ulimits = []*container.Ulimit{{Name: "nofile", Soft: 200, Hard: 200}, {Name: "nproc", Soft: 300, Hard: 400}}
	}),
	"more groups": adjusted(func(_ *container.Config, h *container.HostConfig) { h.GroupAdd = []string{"staff", "4711"} }),
	"a terminal":  adjusted(func(c *container.Config, _ *container.HostConfig) { c.Tty = true }),
}

func TestTheRuntimesProcessesAreConfinedAsDockersAre(t *testing.T) {
	for name, spec := range confinements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			filtered := "Seccomp:\t2\n"
			if name == unfiltered { // but by what filters this test's own process, and so all that it starts
				filtered = "Seccomp:\t" + status(t, "/proc/self")["Seccomp"] + "\n"
			}
			expectConfinedAsDockers(t, open(t, ExecRunc, spec), filtered)
		})
	}
}

// A terminal is made on another way, by the runtime's console.
func TestTheRuntimesProcessesAreConfinedAsDockersAreOnATerminal(t *testing.T) {
	t.Parallel()
	w := open(t, ExecRunc, rig.ContainerSpec{})
	for _, login := range []string{"root", "alice"} {
		account := w.account(t, login)
		want := ofTheGate.ReplaceAllString(w.execOnTerminal(t, account.User, strings.ReplaceAll(onATerminal, "%", whatConfines)), "")
		account.Shell = "/bin/sh"
		c := sshd.Command{Account: account, Line: strings.ReplaceAll(onATerminal, "%", whatConfines), Pty: &sshd.Pty{Term: "xterm"}}
		got := ofTheGate.ReplaceAllString(inTheContainersCgroup(t, plain(w.run(t, c, "").stdout)), "")
		if got != want || !strings.Contains(got, "Seccomp:\t2\n") || !strings.Contains(got, "/dev/pts/") {
			t.Errorf("login %q: by the runtime\n%s\nby docker exec\n%s", login, got, want)
		}
	}
}

// onATerminal is what is printed there, with the terminal's name, whose number is nobody's to choose.
const onATerminal = `tty | sed 's/[0-9]*$//'; %`

// plain takes off what a terminal adds.
func plain(output string) string { return strings.ReplaceAll(output, "\r\n", "\n") }

// execOnTerminal is what a script prints by docker exec on a terminal.
func (w *world) execOnTerminal(t *testing.T, user, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	engine := rig.NeedDocker(t).Client()
	created, err := engine.ExecCreate(ctx, w.ID, client.ExecCreateOptions{
		User: user, Cmd: []string{"/bin/sh", "-c", script}, TTY: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	attached, err := engine.ExecAttach(ctx, created.ID, client.ExecAttachOptions{TTY: true})
	if err != nil {
		t.Fatal(err)
	}
	defer attached.Close()
	defer context.AfterFunc(ctx, attached.Close)()
	output, err := io.ReadAll(attached.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return plain(string(output))
}

// No engine starts a privileged container where its root lacks a capability.
func TestTheRuntimesProcessesArePrivilegedAsDockersAre(t *testing.T) {
	t.Parallel()
	if rig.RunWithAllCapabilities(t) {
		return
	}
	w := open(t, ExecRunc, adjusted(func(_ *container.Config, h *container.HostConfig) { h.Privileged = true }))
	expectConfinedAsDockers(t, w, "Seccomp:\t0\n")
	const sysAdmin, sysResource = 1 << unix.CAP_SYS_ADMIN, 1 << unix.CAP_SYS_RESOURCE
	bounds := status(t, procPath(w.PID(t), ""))["CapBnd"]
	if n, err := strconv.ParseUint(bounds, 16, 64); err != nil || n&sysAdmin == 0 || n&sysResource == 0 {
		t.Errorf("the container is not privileged: its capabilities are %s", bounds)
	}
}

// expectConfinedAsDockers compares, for some logins, a process of each way; the output that is the same has to
// hold something.
func expectConfinedAsDockers(t *testing.T, w *world, something string) {
	t.Helper()
	for _, login := range []string{"", "root", "alice", "1000:5", "4242"} {
		account := w.account(t, login)
		want := w.ExecWith(t, client.ExecCreateOptions{User: account.User, Cmd: []string{"/bin/sh", "-c", whatConfines}}, nil).Stdout
		account.Shell = "/bin/sh"
		got := inTheContainersCgroup(t, w.run(t, sshd.Command{Account: account, Line: whatConfines}, "").stdout)
		got, want = ofTheGate.ReplaceAllString(got, ""), ofTheGate.ReplaceAllString(want, "")
		if got != want || !strings.Contains(got, something) {
			t.Errorf("login %q: by the runtime\n%s\nby docker exec\n%s", login, got, want)
		}
	}
}
