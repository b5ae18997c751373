// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"switchyard/sshd"
	"switchyard/test/rig"
)

// mustSay checks an error for its words, and that it is one line for a person.
func mustSay(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %q", words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if strings.IndexFunc(err.Error(), unicode.IsControl) >= 0 || len(err.Error()) > 2*maxMessage {
		t.Errorf("%q is no line for a person", err)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	rig.NeedRoot(t)
	engine := rig.NeedDocker(t)
	_, err := New(t.Context(), Config{Client: engine.Client(), ContainerID: "no-such\ncontainer"})
	mustSay(t, err, `no-such\ncontainer`)
	_, err = New(t.Context(), Config{Client: engine.Client(), ContainerID: strings.Repeat("0", 64)})
	mustSay(t, err, "the Docker engine has no container")
	idle := engine.Create(t, rig.ContainerSpec{})
	_, err = New(t.Context(), Config{Client: engine.Client(), ContainerID: idle.ID})
	mustSay(t, err, "is not running", `"created"`)
	_, err = New(t.Context(), Config{})
	mustSay(t, err, "needs a Docker client")

	away, err := client.New(client.WithHost("unix:///no/such/engine"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(t.Context(), Config{Client: away, ContainerID: "x"})
	mustSay(t, err, "asking the Docker engine")
}

// elsewhere is an engine whose processes have other numbers here.
type elsewhere struct {
	Engine
	pid int
}

func (e elsewhere) ContainerInspect(context.Context, string, client.ContainerInspectOptions) (client.ContainerInspectResult, error) {
	return client.ContainerInspectResult{Container: container.InspectResponse{
		ID: strings.Repeat("a", 64), Name: "/web", Config: &container.Config{},
		State: &container.State{Running: true, Pid: e.pid},
	}}, nil
}

func TestAnEngineElsewhereIsRefused(t *testing.T) {
	rig.NeedRoot(t)
	for name, pid := range map[string]int{"no process": 1 << 22, "another's": os.Getppid()} {
		t.Run(name, func(t *testing.T) {
			_, err := New(t.Context(), Config{Client: elsewhere{pid: pid}, ContainerID: "web"})
			mustSay(t, err, `container "web"`, "on the machine of the engine")
		})
	}
}

func TestInfoIsOfTheWholeContainer(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{})
	short, err := New(t.Context(), Config{Client: w.target.engine, ContainerID: w.ID[:12]})
	if err != nil {
		t.Fatal(err)
	}
	defer short.Close()
	if got := short.Info(); got.ID != w.ID || got.Name != w.Name || !strings.HasPrefix(got.Image, string(rig.Busybox)) {
		t.Errorf("got %+v", got)
	}
}

func TestAStartSaysWhyItFailed(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		root := w.account(t, "root")
		start := func(account sshd.Account, pty *sshd.Pty) error {
			p, err := w.target.Start(t.Context(), sshd.Command{Account: account, Line: "true", Pty: pty})
			if err == nil {
				p.End()
			}
			return err
		}
		mustSay(t, start(w.account(t, "carol"), nil), `has no "/bin/no-such-shell"`, `"carol"`)

		directory := root
		directory.Shell = "/etc"
		mustSay(t, start(directory, nil), "is no program")

		stranger := root
		stranger.User = "nobody-here"
		mustSay(t, start(stranger, nil), "nobody-here")

		w.nothingLeft(t)
	})
}

// vanishing is an engine in whose containers programs go away between the look
// for them and their start.
type vanishing struct{ Engine }

func (e vanishing) ExecCreate(ctx context.Context, id string, o client.ExecCreateOptions) (client.ExecCreateResult, error) {
	o.Cmd = []string{"/bin/gone"}
	return e.Engine.ExecCreate(ctx, id, o)
}

func TestWhatTheEngineFindsOutLateIsNoOutput(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{})
	late := w.withEngine(vanishing{w.target.engine})
	root := w.account(t, "root")
	for _, pty := range []*sshd.Pty{nil, {}} {
		_, err := late.Start(t.Context(), sshd.Command{Account: root, Line: "true", Pty: pty})
		mustSay(t, err, `: exec: "/bin/gone": stat /bin/gone: no such file or directory`)
	}
	w.nothingLeft(t)
}

func TestAPausedContainerSaysSo(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		root := w.account(t, "root")
		ctx := t.Context()
		w.Pause(t)
		_, err := w.target.Start(ctx, sshd.Command{Account: root, Line: "true"})
		mustSay(t, err, "is paused: docker unpause")
		w.Unpause(t)
		if got := w.run(t, line("exit 2"), "").exit.Code; got != 2 {
			t.Errorf("afterwards: exit code %d", got)
		}
	})
}

func TestAnEndedContainerSaysSo(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		root := w.account(t, "root")
		w.Kill(t, "SIGKILL")
		w.Wait(t)
		_, err := w.target.Start(t.Context(), sshd.Command{Account: root, Line: "true"})
		mustSay(t, err, "has ended")
		_, err = w.target.Account(t.Context(), "root")
		mustSay(t, err, "has ended")
		_, err = w.target.Dial(t.Context(), "127.0.0.1", 80)
		mustSay(t, err, "has ended")
		// Started again under its id, it is another.
		w.Start(t)
		_, err = w.target.Start(t.Context(), sshd.Command{Account: root, Line: "true"})
		mustSay(t, err, "has ended")
	})
}

func TestAnEngineThatDoesNotAnswerIsNamed(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{})
	away, err := client.New(client.WithHost("unix:///no/such/engine"))
	if err != nil {
		t.Fatal(err)
	}
	lost := w.withEngine(away)
	_, err = lost.Start(t.Context(), sshd.Command{Account: w.account(t, "root"), Line: "true"})
	mustSay(t, err, "the Docker engine does not answer")
}

func TestAnEnginesWordsBecomeOneLine(t *testing.T) {
	for message, want := range map[string]string{
		"": "",
		"OCI runtime exec failed: exec failed: unable to start container process: exec: \"/x\": stat /x: no such file or directory: unknown\r\n": `exec: "/x": stat /x: no such file or directory`,
		"Error response from daemon: a\x1b[31m\nb\x00\xff": "a [31m b ?",
		strings.Repeat("é", maxMessage):                    strings.Repeat("é", maxMessage/2) + "…",
	} {
		if got := oneLine(message); got != want {
			t.Errorf("%q: got %q, want %q", message, got, want)
		}
	}
}

// lossy is an engine whose connections end in the middle.
type lossy struct{ Engine }

func (e lossy) ExecAttach(ctx context.Context, id string, o client.ExecAttachOptions) (client.ExecAttachResult, error) {
	attached, err := e.Engine.ExecAttach(ctx, id, o)
	if err != nil {
		return attached, err
	}
	attached.Close()
	dead, far := net.Pipe()
	far.Close()
	return client.ExecAttachResult{HijackedResponse: client.NewHijackedResponse(dead, "")}, nil
}

func TestALostConnectionLosesTheOutputButNotTheProcess(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{})
	cut := w.withEngine(lossy{w.target.engine})
	p, err := cut.Start(t.Context(), sshd.Command{Account: w.account(t, "root"), Line: "sleep 1000"})
	if err != nil {
		// The connection's end may be seen before the process: then the start
		// has failed, and leaves nothing either.
		cut.cleanups.Wait()
		w.nothingLeft(t)
		return
	}
	p.End()
	if exit, err := p.Wait(); err != nil || exit.Signal != "HUP" {
		t.Errorf("got %+v, %v", exit, err)
	}
	w.nothingLeft(t)
	if errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
