// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestEverythingComesBackAfterARestart(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{RunnerArgs: []string{"--heartbeat", "1s"}})
	w.SSHOutput(t, "root@web", "true")

	w.Controller.Stop(t)
	expectRefusal(t, w, "web", strings.TrimPrefix(w.URL, "https://"))
	w.StartController(t)
	w.SSHOutput(t, "root@web", "true")

	// A runner that starts again has another address and another host key, of which ssh is asked nothing.
	before := web.Record(t)
	web.Runner.Kill()
	web.StartRunner(t)
	w.SSHOutput(t, "root@web", "true")
	if after := web.Record(t); after.HostKey == before.HostKey || after.ID != before.ID {
		t.Errorf("before %+v, after %+v", before, after)
	}

	// And so is a container that is made again under the same name.
	web.Stop(t)
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		r := web.Record(t)
		return r.State == "ended", string(r.State)
	})
	again := w.Run(t, "web", world.ContainerOptions{})
	w.SSHOutput(t, "root@web", "true")
	if again.ID == web.ID {
		t.Error("the new container has the old one's id")
	}
}

// The wrong key, the right key of another container, and a runner that has gone: none of them is reached.
func TestOnlyTheRightRunnerIsReached(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Register(t, "web", world.ContainerOptions{})
	other := w.Register(t, "other", world.ContainerOptions{})
	if err := os.WriteFile(web.KeyFile, []byte(other.Key(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	c := w.RunnerCommand(t, web)
	if r := world.Finish(t, c); r.Code == 0 || !strings.Contains(r.Stderr, "key") {
		t.Errorf("a runner with another container's key: exit code %d, stderr %q", r.Code, r.Stderr)
	}
	if r := web.Record(t); r.State != "queued" {
		t.Errorf("the container is %s", r.State)
	}
}

func TestSecretsStayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{ControllerArgs: []string{"--log-level", "debug"}})
	web := w.Run(t, "web", world.ContainerOptions{RunnerArgs: []string{"--log-level", "debug"}})
	live := w.SSHCommand(t, "-v", "root@web", "echo inside; cat")
	in, out := world.Pipes(t, live)
	var errs world.Log
	live.Stderr = &errs
	if err := live.Start(); err != nil {
		t.Fatal(err)
	}
	defer live.Wait()
	defer in.Close()
	io.ReadFull(out, make([]byte, len("inside\n")))

	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(w.DataDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	secrets := map[string]string{
		"the admin's token": read("admin.token"), "the system token": read("system.token"),
		"the container key": strings.TrimSpace(web.Key(t)),
	}
	for what, secret := range secrets {
		if len(secret) < 20 {
			t.Fatalf("%s is %q", what, secret)
		}
		for where, text := range map[string]string{
			"the controller's log": w.Controller.Log(), "the runner's log": web.Runner.Log(), "ssh -v": errs.String(),
			"the container's environment": web.Shell(t, "cat /proc/*/environ | tr '\\0' '\\n'"),
		} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", what, where)
			}
		}
		for _, p := range rig.Processes(nil) {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
			if strings.Contains(string(b), secret) {
				t.Errorf("%s is on the command line of %s", what, p.Name)
			}
		}
	}
}

func TestShellHandsOpenSSHTheHostAuthority(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	w.Run(t, "web", world.ContainerOptions{})
	c := w.Command("shell", "--user", "root", "web", "-o", "SetEnv=X=1", "echo $X; exit 6")
	if r := world.Finish(t, c); r.Stdout != "1\n" || r.Code != 6 {
		t.Errorf("stdout %q, exit code %d, stderr %q", r.Stdout, r.Code, r.Stderr)
	}
	if r := world.Finish(t, w.Command("shell", "nothing", "true")); r.Code == 0 || !strings.Contains(r.Stderr, `"nothing"`) {
		t.Errorf("exit code %d, stderr %q", r.Code, r.Stderr)
	}
	if out := w.Switchyard(t, "ls"); !strings.Contains(out, "web") || !strings.Contains(out, "running") {
		t.Errorf("ls prints %q", out)
	}
}

// Its sessions drain: what runs goes on until the time is over, and nothing new begins.
func TestAControllerThatStopsLetsSessionsDrain(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{ControllerArgs: []string{"--drain-timeout", "10m"}})
	w.Run(t, "web", world.ContainerOptions{})
	live := w.SSHCommand(t, "root@web", "echo inside; cat; exit 4")
	in, out := world.Pipes(t, live)
	if err := live.Start(); err != nil {
		t.Fatal(err)
	}
	io.ReadFull(out, make([]byte, len("inside\n")))
	w.Controller.Signal(os.Interrupt)
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		r := w.SSH(t, "root@web", "true")
		return r.Code != 0, r.Stderr
	})
	io.WriteString(in, "drained\n")
	b := make([]byte, len("drained\n"))
	if _, err := io.ReadFull(out, b); err != nil || string(b) != "drained\n" {
		t.Fatalf("the session was cut while draining: %q, %v", b, err)
	}
	in.Close()
	live.Wait()
	if code := live.ProcessState.ExitCode(); code != 4 {
		t.Errorf("exit code %d", code)
	}
	if code := w.Controller.ExitCode(); code != 0 {
		t.Errorf("the controller exited %d", code)
	}
}
