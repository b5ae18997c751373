// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"switchyard/api"
	"switchyard/test/rig"
)

// ContainerOptions declare a container and its runner.
type ContainerOptions struct {
	Spec         rig.ContainerSpec
	Engine       *rig.Engine // nil: that of rig.NeedDocker
	RegisterArgs []string    // added to "switchyard container register"
	RunnerArgs   []string    // added to "switchyardd runner"
	// Target "host" serves this machine instead of a container; Spec is then not used.
	Target string
}

// Container is a served container.
type Container struct {
	*rig.Container // nil for a host target
	Name           string
	ID             api.ContainerID
	Runner         *Daemon
	KeyFile        string
	w              *World
	o              ContainerOptions
}

func (o ContainerOptions) engine(tb testing.TB) *rig.Engine {
	tb.Helper()
	if o.Engine != nil {
		return o.Engine
	}
	return rig.NeedDocker(tb)
}

// Run starts a container, registers it under name, starts its runner and waits until it runs.
func (w *World) Run(tb testing.TB, name string, o ContainerOptions) *Container {
	tb.Helper()
	c := w.Register(tb, name, o)
	c.StartRunner(tb)
	return c
}

// Register starts a container and registers it, without a runner.
func (w *World) Register(tb testing.TB, name string, o ContainerOptions) *Container {
	tb.Helper()
	c := &Container{Name: name, w: w, o: o, KeyFile: filepath.Join(tb.TempDir(), "key")}
	args := []string{"container", "register", name, "--key-file", c.KeyFile}
	if o.Target != "host" {
		c.Container = o.engine(tb).Run(tb, o.Spec)
		args = append(args, "--docker-id", c.Container.ID)
	}
	c.ID = api.ContainerID(w.Switchyard(tb, append(args, o.RegisterArgs...)...))
	return c
}

// StartRunner starts the container's runner and waits until the controller says that it runs.
func (c *Container) StartRunner(tb testing.TB) {
	tb.Helper()
	before := c.Record(tb).HostKey // each runner has another
	c.Runner = startDaemon(tb, "runner of "+c.Name, c.w.RunnerCommand(tb, c))
	rig.Eventually(tb, readyTime, func() (bool, string) {
		if c.Runner.Exited() {
			tb.Fatalf("the runner of %s ended: %s", c.Name, c.Runner.Log())
		}
		r := c.Record(tb)
		return r.State == api.Running && r.HostKey != before, "state " + string(r.State)
	})
}

// RunnerCommand prepares a run of the container's runner.
func (w *World) RunnerCommand(tb testing.TB, c *Container) *exec.Cmd {
	tb.Helper()
	args := []string{"runner", "--controller", w.URL, "--container", string(c.ID), "--key-file", c.KeyFile,
		"--ca", filepath.Join(w.DataDir(), "tls-ca.crt"), "--helper", w.Bin.Helper}
	cmd := w.command(w.Bin.Daemon)
	if c.Container != nil {
		args = append(args, "--docker", c.Container.ID)
		cmd.Env = append(cmd.Env, "DOCKER_HOST="+c.o.engine(tb).Host())
	} else {
		args = append(args, "--target", "host")
	}
	cmd.Args = append(cmd.Args, append(args, c.o.RunnerArgs...)...)
	return cmd
}

// Record is what the controller says of the container.
func (c *Container) Record(tb testing.TB) (r api.Container) {
	tb.Helper()
	out := c.w.Switchyard(tb, "container", "show", string(c.ID), "-o", "json")
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		tb.Fatalf("%v in %s", err, out)
	}
	return r
}

// Key is the container key, to look for where it must not be.
func (c *Container) Key(tb testing.TB) string {
	tb.Helper()
	b, err := os.ReadFile(c.KeyFile)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}
