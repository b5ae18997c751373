// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"switchyard/test/e2e/internal/goclient"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// The two ways in which processes start in a container, as "switchyardd runner --exec" takes them.
const (
	byRunc   = "runc"
	byDocker = "docker"
)

// edge is one served container, with the way in which its processes start.
type edge struct {
	*world.World
	box *world.Container
	way string
}

// promise is a sentence that a check holds the whole path to.
type promise struct {
	sentence string
	check    func(t *testing.T, e edge)
}

// eachWay keeps the promises in a container for each way. They share one world and one container a way, since what a
// daemon holds is counted.
func eachWay(t *testing.T, o world.ContainerOptions, promises ...promise) {
	t.Helper()
	inWays(t, []string{byRunc, byDocker}, o, promises...)
}

// byTheRuntime is eachWay for what does not depend on how a process starts.
func byTheRuntime(t *testing.T, o world.ContainerOptions, promises ...promise) {
	t.Helper()
	inWays(t, []string{byRunc}, o, promises...)
}

func inWays(t *testing.T, ways []string, o world.ContainerOptions, promises ...promise) {
	t.Helper()
	rig.NeedDocker(t)
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, world.Options{})
			e := edge{World: w, box: w.Run(t, way, startedBy(way, o)), way: way}
			for _, p := range promises {
				t.Run(p.sentence, func(t *testing.T) { p.check(t, e) })
			}
		})
	}
}

// startedBy is o with a runner that starts processes in that way.
func startedBy(way string, o world.ContainerOptions) world.ContainerOptions {
	o.RunnerArgs = append(o.RunnerArgs[:len(o.RunnerArgs):len(o.RunnerArgs)], "--exec", way)
	return o
}

// login is who comes where, for ssh.
func (e edge) login(user string) string { return user + "@" + e.box.Name }

// ssh prepares a run of OpenSSH's client as root, with options before the host.
func (e edge) ssh(t *testing.T, command string, options ...string) *exec.Cmd {
	t.Helper()
	return e.SSHCommand(t, append(options, e.login("root"), command)...)
}

// run runs a command by OpenSSH's client as root.
func (e edge) run(t *testing.T, command string, options ...string) world.Result {
	t.Helper()
	return world.Finish(t, e.ssh(t, command, options...))
}

// bounded starts a command, and kills it when it does not end by itself. The test waits for it.
func bounded(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(world.Deadline, func() { c.Process.Kill() })
	t.Cleanup(func() { timer.Stop(); c.Process.Kill(); c.Wait() })
}

// exitCode waits for a command that bounded has started.
func exitCode(c *exec.Cmd) int {
	c.Wait()
	return c.ProcessState.ExitCode()
}

// transport is a connection of Go's SSH client, which shows what OpenSSH's does not.
type transport struct{ *goclient.Client }

// dial connects Go's SSH client through "switchyard connect" as root until the test ends.
func (e edge) dial(t *testing.T) *transport {
	t.Helper()
	return e.dialAs(t, "root")
}

func (e edge) dialAs(t *testing.T, user string) *transport {
	t.Helper()
	return &transport{goclient.Dial(t, e.World, user, e.box.Name)}
}

// channel is a session channel as the wire has it.
type channel struct {
	gossh.Channel
	requests <-chan *gossh.Request
}

// open opens a session channel; timing out closes the connection, which ends every wait on it.
func (x *transport) open(t *testing.T) *channel {
	t.Helper()
	ch, requests, err := x.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(world.Deadline, func() { x.Connect.Process.Kill() })
	t.Cleanup(func() { timer.Stop(); ch.Close() })
	return &channel{ch, requests}
}

// ask sends a request that must be accepted.
func (ch *channel) ask(t *testing.T, name string, payload any) {
	t.Helper()
	ok, err := ch.SendRequest(name, true, marshal(payload))
	if !ok || err != nil {
		t.Fatalf("the request %s: accepted %t, %v", name, ok, err)
	}
}

// exec asks for a command.
func (ch *channel) exec(t *testing.T, command string) {
	t.Helper()
	ch.ask(t, "exec", struct{ Command string }{command})
}

// until reads standard output up to want, and no further.
func (ch *channel) until(t *testing.T, want string) {
	t.Helper()
	var seen strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(seen.String(), want); {
		n, err := ch.Read(b)
		seen.Write(b[:n])
		if err != nil {
			t.Fatalf("waiting for %q: %v; seen %q", want, err, seen.String())
		}
	}
}

// ending is how a process ended, by exit-status or exit-signal (RFC 4254 section 6.10).
type ending struct {
	Signal string
	Core   bool
	Status uint32
}

func (e ending) String() string {
	if e.Signal == "" {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return fmt.Sprintf("death by %q, core dumped: %t", e.Signal, e.Core)
}

// ended reads all requests up to the channel's close and returns how the process ended.
func (ch *channel) ended(t *testing.T) (e ending) {
	t.Helper()
	told := 0
	for r := range ch.requests {
		switch r.Type {
		case "exit-status":
			told++
			e.Status = mustUnmarshal[struct{ Status uint32 }](t, r.Payload).Status
		case "exit-signal":
			told++
			m := mustUnmarshal[struct {
				Signal       string
				Core         bool
				Message, Tag string
			}](t, r.Payload)
			e.Signal, e.Core = m.Signal, m.Core
		}
		r.Reply(false, nil)
	}
	if told != 1 {
		t.Errorf("how the process ended was told %d times", told)
	}
	return e
}

func marshal(m any) []byte { return gossh.Marshal(m) }

func mustUnmarshal[M any](t *testing.T, payload []byte) (m M) {
	t.Helper()
	if err := gossh.Unmarshal(payload, &m); err != nil {
		t.Error(err)
	}
	return m
}
