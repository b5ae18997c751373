// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"switchyard/sshd"
	"switchyard/test/rig"
)

// timeout only bounds a failure.
const timeout = 2 * time.Minute

// world is a container and the target that is made of it.
type world struct {
	*rig.Container
	target *Target
	root   uint32 // what the machine calls the container's user 0; others follow
}

// eachWay runs a test for each way to start processes.
func eachWay(t *testing.T, test func(*testing.T, Exec)) {
	t.Helper()
	for _, by := range []Exec{ExecDocker, ExecRunc} {
		t.Run(string(by), func(t *testing.T) { t.Parallel(); test(t, by) })
	}
}

// open makes a target of a new container.
func open(t testing.TB, by Exec, spec rig.ContainerSpec) *world {
	t.Helper()
	rig.NeedRoot(t)
	return openOn(t, rig.NeedDocker(t), Config{Exec: by, Grace: 2 * time.Second}, spec)
}

// openOn is open on an engine, with the rest of a configuration.
func openOn(t testing.TB, engine *rig.Engine, config Config, spec rig.ContainerSpec) *world {
	t.Helper()
	c := engine.Run(t, spec)
	config.Client, config.ContainerID = engine.Client(), c.ID
	target, err := New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	return &world{Container: c, target: target}
}

// withEngine is the same target on another engine, which starts its processes.
func (w *world) withEngine(engine Engine) *Target {
	t := w.target
	other := &Target{engine: engine, info: t.info, name: t.name, log: t.log, grace: t.grace, gateWait: t.gateWait, ns: t.ns, main: t.main, sessions: t.sessions}
	other.starter = engineExec{other}
	return other
}

// account finds a login that the container has.
func (w *world) account(t testing.TB, login string) sshd.Account {
	t.Helper()
	a, err := w.target.Account(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// start starts a process, which the test's end ends.
func (w *world) start(t testing.TB, c sshd.Command) sshd.Process {
	t.Helper()
	if c.Account.Shell == "" {
		c.Account = w.account(t, "root")
	}
	p, err := w.target.Start(t.Context(), c)
	if err != nil {
		t.Fatalf("starting %q: %v", c.Line, err)
	}
	t.Cleanup(p.End)
	return p
}

// result is what a process left.
type result struct {
	stdout, stderr string
	exit           sshd.Exit
}

// run runs a command with an input and waits for its end.
func (w *world) run(t testing.TB, c sshd.Command, input string) result {
	t.Helper()
	p := w.start(t, c)
	go func() {
		_, _ = io.WriteString(p.Stdin(), input)
		_ = p.Stdin().Close()
	}()
	return finish(t, p)
}

// finish reads a process's outputs to their ends.
func finish(t testing.TB, p sshd.Process) result {
	t.Helper()
	stderr := make(chan string, 1)
	go func() {
		var all []byte
		if p.Stderr() != nil {
			all, _ = io.ReadAll(p.Stderr())
		}
		stderr <- string(all)
	}()
	stdout, err := io.ReadAll(p.Stdout())
	if err != nil {
		t.Errorf("reading stdout: %v", err)
	}
	exit, err := p.Wait()
	if err != nil {
		t.Errorf("waiting: %v", err)
	}
	return result{string(stdout), <-stderr, exit}
}

// line is a command as root without a terminal.
func line(l string) sshd.Command { return sshd.Command{Line: l} }

// createOptions are what a container is made of.
type createOptions = client.ContainerCreateOptions

// newNetwork makes a network of the user's own, with the engine's name server.
func newNetwork(t *testing.T, engine *rig.Engine) string {
	t.Helper()
	name := "swt-" + strings.ToLower(rand.Text())
	created, err := engine.Client().NetworkCreate(t.Context(), name, client.NetworkCreateOptions{Driver: "bridge"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := engine.Client().NetworkRemove(context.Background(), created.ID, client.NetworkRemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
	return name
}

// sameNetwork says whether a process is in this one's network namespace.
func sameNetwork(t *testing.T, pid int) bool {
	t.Helper()
	theirs, err := os.Readlink(procPath(pid, "ns/net"))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := os.Readlink("/proc/self/ns/net")
	return err == nil && ours == theirs
}
