// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"switchyard/api"
	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestTheRecordTellsHowProcessesStartAndWhy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		o            world.ContainerOptions
		exec, reason string
	}{
		"by itself": {world.ContainerOptions{}, "runc", ""},
		"auto":      {world.ContainerOptions{RunnerArgs: []string{"--exec", "auto"}}, "runc", ""},
		"runc":      {world.ContainerOptions{RunnerArgs: []string{"--exec", "runc"}}, "runc", ""},
		"docker":    {world.ContainerOptions{RunnerArgs: []string{"--exec", "docker"}}, "docker", "--exec docker asks for that"},
		"host":      {world.ContainerOptions{Target: "host"}, "host", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig.NeedDocker(t)
			rig.NeedRoot(t)
			w := world.New(t, world.Options{})
			web := w.Run(t, "web", test.o)
			if r := web.Record(t); r.Exec != test.exec || r.ExecReason != test.reason {
				t.Errorf("exec is %q for the reason %q, need %q and %q", r.Exec, r.ExecReason, test.exec, test.reason)
			}
			if shown := w.Switchyard(t, "container", "show", "web"); strings.Contains(shown, "exec reason") != (test.reason != "") {
				t.Errorf("the record is shown as\n%s", shown)
			}
			w.SSHOutput(t, "root@web", "true")
		})
	}
}

// A runner with no_new_privs cannot take it off what it starts (prctl(2)), so its processes would have less than the
// container's own: sudo would not work in it.
func TestTheRecordOfARunnerThatFallsBackToDockerSaysWhyUntilItNeedNot(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Register(t, "web", world.ContainerOptions{})
	const why = `this runner is confined in another way than Docker (NoNewPrivs "1", Docker has "0"): start it with the same (systemd: NoNewPrivileges=)`

	first := confined(t, w.RunnerCommand(t, web))
	said := world.Background(t, first)
	expectExec(t, web, "docker", "the container's runtime cannot be called directly: "+why)
	if log := said.String(); !strings.Contains(log, "processes are started by docker exec, since the container's runtime cannot be called directly") {
		t.Errorf("the runner's log is\n%s", log)
	}
	if shown := w.Switchyard(t, "container", "show", "web"); !strings.Contains(shown, why) {
		t.Errorf("the record is shown as\n%s", shown)
	}
	w.SSHOutput(t, "root@web", "true")

	first.Process.Kill()
	first.Wait()
	web.StartRunner(t)
	expectExec(t, web, "runc", "")
	w.SSHOutput(t, "root@web", "true")
}

// confined is a command with no_new_privs, as NoNewPrivileges= in a unit gives it.
func confined(t *testing.T, c *exec.Cmd) *exec.Cmd {
	t.Helper()
	setpriv := rig.NeedTool(t, "setpriv")
	c.Path, c.Args = setpriv, append([]string{setpriv, "--no-new-privs", c.Path}, c.Args[1:]...)
	return c
}

// expectExec waits until a container is served in this way.
func expectExec(t *testing.T, c *world.Container, exec, reason string) {
	t.Helper()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		r := c.Record(t)
		return r.State == api.Running && r.Exec == exec && r.ExecReason == reason,
			fmt.Sprintf("the container is %s, exec is %q for the reason %q", r.State, r.Exec, r.ExecReason)
	})
}
