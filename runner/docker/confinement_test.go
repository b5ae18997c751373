// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"switchyard/sshd"
	"switchyard/test/rig"
)

// whatConfines prints all that the kernel tells a process of how it is confined and what it inherited.
const whatConfines = `grep -E '^(Umask|Uid|Gid|Groups|SigBlk|SigIgn|Cap|NoNewPrivs|Seccomp)' /proc/self/status; cat /proc/self/cgroup;` +
	`cat /proc/self/attr/current 2>/dev/null; cat /proc/self/limits; cat /proc/self/oom_score_adj;` +
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

func TestTheRuntimesProcessesAreConfinedAsDockersAre(t *testing.T) {
	for name, spec := range map[string]rig.ContainerSpec{
		"default":   {},
		"read-only": {ReadOnly: true},
		"non-root":  {User: "bob"},
		"privileged": adjusted(func(_ *container.Config, h *container.HostConfig) {
			h.Privileged = true
		}),
		"host's processes": adjusted(func(_ *container.Config, h *container.HostConfig) { h.PidMode = "host" }),
		"host's network and IPC": adjusted(func(_ *container.Config, h *container.HostConfig) {
			h.NetworkMode, h.IpcMode, h.UTSMode = "host", "host", "host"
		}),
		"capabilities": adjusted(func(_ *container.Config, h *container.HostConfig) {
			h.CapDrop, h.CapAdd = []string{"CHOWN", "NET_RAW"}, []string{"SYS_PTRACE"}
		}),
		"no capabilities":   adjusted(func(_ *container.Config, h *container.HostConfig) { h.CapDrop = []string{"ALL"} }),
		"no new privileges": adjusted(func(_ *container.Config, h *container.HostConfig) { h.SecurityOpt = []string{"no-new-privileges"} }),
		"no seccomp filter": adjusted(func(_ *container.Config, h *container.HostConfig) { h.SecurityOpt = []string{"seccomp=unconfined"} }),
		"limits": adjusted(func(_ *container.Config, h *container.HostConfig) {
			// Some releases of runc race with their own Go runtime for the soft limit of open files, and give the hard
			// one at times, whoever calls them: here both are the same.
			h.Ulimits = []*container.Ulimit{{Name: "nofile", Soft: 200, Hard: 200}, {Name: "nproc", Soft: 300, Hard: 400}}
		}),
		"more groups": adjusted(func(_ *container.Config, h *container.HostConfig) { h.GroupAdd = []string{"staff", "4711"} }),
		"a terminal":  adjusted(func(c *container.Config, _ *container.HostConfig) { c.Tty = true }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "privileged" {
				needAllCapabilities(t)
			}
			w := open(t, ExecRunc, spec)
			for _, login := range []string{"", "root", "alice", "1000:5", "4242"} {
				account := w.account(t, login)
				want := w.ExecWith(t, client.ExecCreateOptions{User: account.User, Cmd: []string{"/bin/sh", "-c", whatConfines}}, nil).Stdout
				account.Shell = "/bin/sh"
				got := inTheContainersCgroup(t, w.run(t, sshd.Command{Account: account, Line: whatConfines}, "").stdout)
				got, want = ofTheGate.ReplaceAllString(got, ""), ofTheGate.ReplaceAllString(want, "")
				if got != want || !strings.Contains(got, "CapBnd") {
					t.Errorf("login %q: by the runtime\n%s\nby docker exec\n%s", login, got, want)
				}
			}
		})
	}
}

// needAllCapabilities skips a test where the machine's root has not all capabilities, as in some virtual machines
// and in containers: no engine can start a privileged container there.
func needAllCapabilities(t *testing.T) {
	t.Helper()
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(strings.TrimSpace(string(last)))
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("CapEff:\t%016x\n", uint64(1)<<(number+1)-1)
	if !strings.Contains(string(status), all) {
		t.Skip("needs a root with all capabilities")
	}
}
