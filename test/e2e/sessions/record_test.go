// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"switchyard/api"
	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestARecordTellsTheLifeOfItsContainer(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Register(t, "web", world.ContainerOptions{Spec: rig.ContainerSpec{
		Cmd: []string{"sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done"}}})

	if r := web.Record(t); r.State != api.Queued || !r.Reusable || r.OpenedAt != nil {
		t.Errorf("registered: %+v", r)
	}
	expectRefusal(t, w, "web", "not running yet", "--wait")

	web.StartRunner(t)
	if r := web.Record(t); r.State != api.Running || r.HostKey == "" || r.Node == "" || !r.Reusable {
		t.Errorf("running: %+v", r)
	}

	w.SSHOutput(t, "root@web", "true")
	if r := web.Record(t); r.Reusable || r.OpenedAt == nil || !r.LastOpenedAt.Equal(*r.OpenedAt) {
		t.Errorf("opened once: %+v", r)
	}
	w.SSHOutput(t, "root@web", "true")
	if r := web.Record(t); !r.LastOpenedAt.After(*r.OpenedAt) {
		t.Errorf("opened twice: %+v", r)
	}

	live := w.SSHCommand(t, "root@web", "echo inside; cat")
	in, out := world.Pipes(t, live)
	var errs world.Log
	live.Stderr = &errs
	if err := live.Start(); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	io.ReadFull(out, make([]byte, len("inside\n")))
	if got := sessions(t, w); len(got) != 1 || got[0].Container != "web" || got[0].User != "admin" {
		t.Errorf("the live sessions are %+v", got)
	}

	web.Kill(t, "SIGTERM")
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		r := web.Record(t)
		return r.State == api.Ended && r.ExitCode != nil && *r.ExitCode == 3 && r.EndedAt != nil, string(r.State)
	})
	live.Wait()
	if !strings.Contains(errs.String(), "has ended") || !strings.Contains(errs.String(), "3") {
		t.Errorf("the live session was told %q", errs.String())
	}
	if code := live.ProcessState.ExitCode(); code == 0 {
		t.Error("the live session ended as if all were well")
	}
	expectRefusal(t, w, "web", "ended", "3")
	if <-web.Runner.Done(); web.Runner.ExitCode() != 0 {
		t.Errorf("the runner exited %d after its container had ended", web.Runner.ExitCode())
	}
}

func TestSomebodyWhoIsRefusedReadsWhy(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{})

	expectRefusal(t, w, "nothing", `"nothing"`)
	expectRefusal(t, w, "web.elsewhere", `"web"`, `"elsewhere"`)

	w.Switchyard(t, "settings", "set", "--shell-access", "disabled")
	expectRefusal(t, w, "web", "system")
	w.Switchyard(t, "settings", "set", "--shell-access", "opt-in")
	expectRefusal(t, w, "web", "not asked for", "switch")
	w.Switchyard(t, "container", "update", "web", "--shell-access", "true")
	w.SSHOutput(t, "root@web", "true")
	w.Switchyard(t, "settings", "set", "--shell-access", "opt-out")
	w.Switchyard(t, "container", "update", "web", "--shell-access", "false")
	expectRefusal(t, w, "web", "container")
	w.Switchyard(t, "container", "update", "web", "--shell-access", "true")

	web.Runner.Kill()
	expectRefusal(t, w, "web", web.Record(t).Node)
	if strings.Contains(w.SSH(t, "root@web", "true").Stderr, web.Record(t).RunnerAddress) {
		t.Error("the user is shown the runner's address")
	}
}

// expectRefusal expects one sentence on stderr that holds the words, and nothing on stdout.
func expectRefusal(t *testing.T, w *world.World, container string, words ...string) {
	t.Helper()
	c := w.Command("connect", container)
	c.Stdin = strings.NewReader("SSH-2.0-test\r\n")
	r := world.Finish(t, c)
	if r.Code == 0 || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 || !strings.HasPrefix(r.Stderr, "switchyard: ") {
		t.Errorf("connect %s: exit code %d, stdout %q, stderr %q", container, r.Code, r.Stdout, r.Stderr)
	}
	for _, word := range words {
		if !strings.Contains(r.Stderr, word) {
			t.Errorf("connect %s: %q is not in %q", container, word, r.Stderr)
		}
	}
}

func TestClosingSessionsIsForThoseThatTheNewSettingRefuses(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	w.Run(t, "web", world.ContainerOptions{})
	live := w.SSHCommand(t, "root@web", "echo inside; cat")
	in, out := world.Pipes(t, live)
	if err := live.Start(); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	io.ReadFull(out, make([]byte, len("inside\n")))

	w.Switchyard(t, "settings", "set", "--shell-access", "disabled")
	io.WriteString(in, "still here\n")
	if b := make([]byte, len("still here\n")); true {
		if _, err := io.ReadFull(out, b); err != nil || string(b) != "still here\n" {
			t.Fatalf("the session was cut although nobody asked: %q, %v", b, err)
		}
	}
	w.Switchyard(t, "settings", "set", "--shell-access", "disabled", "--close-sessions")
	live.Wait()
	rig.Eventually(t, world.Deadline, func() (bool, string) { // the client sees the end before it is entered
		got := sessions(t, w)
		return len(got) == 0, fmt.Sprintf("the live sessions are %+v", got)
	})
}

func sessions(t *testing.T, w *world.World) (list []api.Session) {
	t.Helper()
	out := w.Switchyard(t, "session", "list", "-o", "json")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return list
}
