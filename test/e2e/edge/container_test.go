// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"switchyard/test/e2e/internal/leftover"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// engineTime bounds a request to the engine. It only bounds a failure.
const engineTime = time.Minute

// engine asks the engine for something about the container.
func (e edge) engine(t *testing.T, request func(ctx context.Context, c *client.Client, id string) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), engineTime)
	defer cancel()
	if err := request(ctx, rig.NeedDocker(t).Client(), e.box.Container.ID); err != nil {
		t.Fatal(err)
	}
}

func TestAContainerMayPauseInASession(t *testing.T) {
	t.Parallel()
	eachWay(t, leftover.Served(),
		promise{"the session goes on behind the pause, and its output is whole", pausedAndUnpaused},
		promise{"a client that leaves a paused container leaves nothing in it", leftWhilePaused},
		promise{"a client that comes and goes while the container is paused leaves nothing in it", cameWhilePaused},
	)
	byTheRuntime(t, leftover.Served(),
		promise{"a file by sftp and what forwards carry go on behind the pause, and are whole", transfersPaused},
		promise{"a runner that is stopped while the container is paused stops, and leaves nothing in it but a cgroup for the next", stoppedWhilePaused},
	)
}

// It is answered, or it waits, as the way has it. In either case it goes.
func cameWhilePaused(t *testing.T, e edge) {
	e.box.Pause(t)
	for range 3 {
		x := e.dial(t)
		ch := x.open(t)
		ch.SendRequest("exec", false, marshal(struct{ Command string }{"trap : HUP; sleep 1000; sleep 1000"}))
		x.SendRequest("keepalive@openssh.com", true, nil)
		x.Connect.Process.Kill()
		x.End()
	}
	e.box.Unpause(t)
	leftover.None(t, e.box)
}

func stoppedWhilePaused(t *testing.T, e edge) {
	c := e.ssh(t, "trap : HUP; echo ready; while :; do sleep 1; done")
	_, out := world.Pipes(t, c)
	bounded(t, c)
	if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	e.box.Pause(t)
	e.box.Runner.Stop(t)
	e.box.Unpause(t)
	leftover.NoProcess(t, e.box)
	e.box.StartRunner(t)
	leftover.None(t, e.box)
}

func TestAContainerWithoutMemoryKillsTheProcessAlone(t *testing.T) {
	t.Parallel()
	eachWay(t, world.ContainerOptions{Spec: rig.ContainerSpec{Adjust: littleMemory}},
		promise{"it is told as killed, and the container goes on", outOfMemory},
	)
}

func littleMemory(o *client.ContainerCreateOptions) {
	o.HostConfig.Memory, o.HostConfig.MemorySwap = 64<<20, 64<<20
}

func pausedAndUnpaused(t *testing.T, e edge) {
	const lines = 30_000
	c := e.ssh(t, fmt.Sprintf("i=0; while [ $i -lt %d ]; do echo $i; i=$((i+1)); done; cat; exit 4", lines))
	in, out := world.Pipes(t, c)
	bounded(t, c)
	first := make([]byte, 2)
	if _, err := io.ReadFull(out, first); err != nil {
		t.Fatal(err)
	}
	e.box.Pause(t)
	io.WriteString(in, "typed meanwhile\n")
	in.Close()
	e.box.Unpause(t)
	rest, err := io.ReadAll(out)
	var want strings.Builder
	for i := range lines {
		fmt.Fprintln(&want, i)
	}
	want.WriteString("typed meanwhile\n")
	if got := string(first) + string(rest); got != want.String() || err != nil {
		t.Errorf("%d bytes of %d, or others, %v", len(got), want.Len(), err)
	}
	if code := exitCode(c); code != 4 {
		t.Errorf("exit code %d", code)
	}
}

func leftWhilePaused(t *testing.T, e edge) {
	c := e.ssh(t, "trap : HUP; echo ready; while :; do sleep 1; done")
	_, out := world.Pipes(t, c)
	bounded(t, c)
	if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	e.box.Pause(t)
	c.Process.Kill()
	c.Wait()
	e.box.Unpause(t)
	leftover.None(t, e.box)
}

func outOfMemory(t *testing.T, e edge) {
	e.engine(t, func(ctx context.Context, c *client.Client, _ string) error {
		answer, err := c.Info(ctx, client.InfoOptions{})
		if err == nil && !answer.Info.MemoryLimit {
			t.Skip("the engine cannot limit memory on this machine")
		}
		return err
	})
	ch := e.dial(t).open(t)
	ch.exec(t, "exec tail -c 500000000 /dev/zero")
	if got := ch.ended(t); got != (ending{Signal: "KILL"}) {
		t.Error(got)
	}
	if r := e.run(t, "echo goes on"); r.Stdout != "goes on\n" {
		t.Errorf("after that: %+v", r)
	}
}

// ends are the ways in which a container goes in the middle of a session.
var ends = map[string]func(t *testing.T, e edge){
	"docker kill": func(t *testing.T, e edge) { e.box.Kill(t, "SIGKILL") },
	"docker stop": func(t *testing.T, e edge) { e.box.Stop(t) },
	"docker restart": func(t *testing.T, e edge) {
		e.engine(t, func(ctx context.Context, c *client.Client, id string) error {
			_, err := c.ContainerRestart(ctx, id, client.ContainerRestartOptions{})
			return err
		})
	},
	"docker rm -f": func(t *testing.T, e edge) { e.box.Remove(t) },
	"the main process's own exit": func(t *testing.T, e edge) {
		e.box.Kill(t, "SIGUSR1")
	},
}

// mortal is a container whose main process ends by itself when it is told to.
var mortal = world.ContainerOptions{
	Spec: rig.ContainerSpec{Cmd: []string{"sh", "-c", "trap 'exit 3' USR1; while :; do sleep 1000 & wait $!; done"}},
}

func TestAContainerThatEndsInASessionIsToldAndLeavesNothing(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	for _, way := range []string{byRunc, byDocker} {
		for how, end := range ends {
			t.Run(way+", "+how, func(t *testing.T) {
				t.Parallel()
				name := strings.NewReplacer(" ", "-", "'", "").Replace(way + "-" + how)
				e := edge{World: w, box: w.Run(t, name, startedBy(way, mortal)), way: way}
				endedInMidTransfer(t, e, end)
			})
		}
	}
}

// endedInMidTransfer has one session that sends without end, one that receives without end, one that is idle, and
// transfers beside them.
// The shell of the first may live to see its command killed, and exit with 137 for it.
func endedInMidTransfer(t *testing.T, e edge, end func(*testing.T, edge)) {
	sending, idle, receiving := e.ssh(t, "echo ready; cat >/dev/null"), e.ssh(t, "echo ready; exec sleep 1000"), e.ssh(t, "exec yes")
	endless(t, sending)
	sessions := map[string]*exec.Cmd{"sending": sending, "idle": idle, "receiving": receiving}
	said := map[string]*strings.Builder{}
	var err error
	for name, c := range sessions {
		said[name] = &strings.Builder{}
		c.Stderr = said[name]
	}
	outputs := map[string]io.Reader{}
	for name, c := range sessions {
		if outputs[name], err = c.StdoutPipe(); err != nil {
			t.Fatal(err)
		}
		bounded(t, c)
	}
	for _, out := range outputs {
		if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
	}
	transfersEnd := e.transfersEnded(t)
	end(t, e)
	io.Copy(io.Discard, outputs["receiving"])
	transfersEnd()
	for name, c := range sessions {
		if code := exitCode(c); code != 255 && (code != 137 || c != sending) || !strings.Contains(said[name].String(), "has ended") {
			t.Errorf("%s: exit code %d, stderr %q", name, code, said[name])
		}
	}
	<-e.box.Runner.Done()
	if code := e.box.Runner.ExitCode(); code != 0 {
		t.Errorf("the runner exits %d", code)
	}
	leftover.NoFiles(t, e.box)
}
