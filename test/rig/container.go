// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"context"
	"crypto/rand"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// engineTimeout bounds each request to the engine.
const engineTimeout = time.Minute

// ContainerSpec says what container a test wants. The zero value is a Busybox
// container that sleeps, as root, on the engine's default network.
type ContainerSpec struct {
	// Image is one of the images of this package (zero: Busybox), or any
	// reference that the engine has.
	Image Image
	// Cmd is the main process; empty means the image's, which sleeps for ever.
	Cmd []string
	// User is the default user as docker run --user takes it; empty means root.
	User string
	// ReadOnly makes the root file system read-only.
	ReadOnly bool
	// Env is added to the image's environment, as NAME=VALUE.
	Env []string
	// WorkingDir is the directory of processes; empty means /.
	WorkingDir string
	// Hostname is the container's own name for itself; empty means its id.
	Hostname string
	// Network is the network mode ("none", "container:ID"); empty means bridge.
	Network string
	// Labels are added to the container's.
	Labels map[string]string
	// Adjust, when set, may change anything else before the container is made.
	Adjust func(*client.ContainerCreateOptions)
}

// Container is a container of a test. It is removed when the test ends.
type Container struct {
	// ID is the full Docker id, and Name its name, unique on the engine.
	ID, Name string

	engine *Engine
}

// Run creates and starts a container. It is gone, whatever its state, when the
// test's cleanup has run.
func (e *Engine) Run(tb testing.TB, spec ContainerSpec) *Container {
	tb.Helper()
	c := e.Create(tb, spec)
	c.Start(tb)
	return c
}

// Create is Run without the start.
func (e *Engine) Create(tb testing.TB, spec ContainerSpec) *Container {
	tb.Helper()
	options := e.options(tb, spec)
	ctx, cancel := context.WithTimeout(context.Background(), engineTimeout)
	defer cancel()
	created, err := e.client.ContainerCreate(ctx, options)
	if err != nil {
		tb.Fatalf("creating a container: %v", err)
	}
	c := &Container{ID: created.ID, Name: options.Name, engine: e}
	tb.Cleanup(func() { c.Remove(tb) })
	return c
}

func (e *Engine) options(tb testing.TB, spec ContainerSpec) client.ContainerCreateOptions {
	tb.Helper()
	if spec.Image == "" {
		spec.Image = Busybox
	}
	labels := map[string]string{RunLabel: os.Getenv(RunVariable), "switchyard.test.name": tb.Name()}
	for name, value := range spec.Labels {
		labels[name] = value
	}
	options := client.ContainerCreateOptions{
		Name: uniqueName(tb.Name()),
		Config: &container.Config{
			Image: e.Image(tb, spec.Image), Cmd: spec.Cmd, User: spec.User, Env: spec.Env,
			WorkingDir: spec.WorkingDir, Hostname: spec.Hostname, Labels: labels,
			// A main process that ignores SIGTERM, as PID 1 does without a
			// handler, would make each stop take ten seconds.
			StopSignal: "SIGKILL",
		},
		HostConfig: &container.HostConfig{
			ReadonlyRootfs: spec.ReadOnly, NetworkMode: container.NetworkMode(spec.Network),
			// No question of a test leaves the machine: nothing answers there.
			DNS: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		},
	}
	if spec.Adjust != nil {
		spec.Adjust(&options)
	}
	return options
}

// uniqueName makes a container name that tells which test it is of.
func uniqueName(test string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, test)
	return "swt-" + plain[:min(len(plain), 40)] + "-" + strings.ToLower(rand.Text()[:8])
}
