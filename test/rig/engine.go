// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/moby/moby/client"

	"switchyard/test/rig/dockerd"
)

const (
	// EngineVariable set to "none" in the environment makes NeedDocker skip,
	// even with CI=true: that is how the tests run without Docker. Set to
	// "private", it makes NeedDocker start one, whichever answers already.
	EngineVariable = "SWITCHYARD_TEST_ENGINE"
	// RunVariable identifies one run of tests; scripts/with-engine sets it.
	RunVariable = "SWITCHYARD_TEST_RUN"
	// RunLabel is the label that carries it on every container of a test.
	RunLabel = "switchyard.test.run"
)

// Engine is a Docker Engine that answers. Its methods may be called
// concurrently.
type Engine struct {
	host   string
	client *client.Client
	images imageCache
}

// Host is the engine's address as DOCKER_HOST takes it.
func (e *Engine) Host() string { return e.host }

// Env is this process's environment with DOCKER_HOST set to the engine, for
// commands that a test starts.
func (e *Engine) Env() []string { return append(os.Environ(), "DOCKER_HOST="+e.host) }

// Client is a client of the engine, shared by all tests of the process: do not
// close it.
func (e *Engine) Client() *client.Client { return e.client }

// RemappedRoot is the machine's uid and gid of root in the containers of
// NeedRemappedDocker; other ids follow in order.
const RemappedRoot = dockerd.RemappedRoot

// need is an engine of this test process, found or started at first use.
type need struct {
	sync.Mutex // held while the engine is looked for, so that there is only one
	engine     *Engine
	private    *privateEngine
	err        error
}

// shared serves NeedDocker, and remapped NeedRemappedDocker.
var shared, remapped need

// NeedDocker returns the engine for this test process. Without any it skips the
// test, or fails it where CI=true. The engine is stopped by VerifyNoLeaks, or
// when the process ends, if it was started here.
func NeedDocker(tb testing.TB) *Engine {
	tb.Helper()
	return shared.get(tb, func() (string, *privateEngine, error) {
		if os.Getenv(EngineVariable) != "private" {
			if host := dockerd.Find(context.Background()); host != "" {
				return host, nil, nil
			}
		}
		host, started, err := startPrivate()
		if err != nil {
			err = fmt.Errorf("none answers at DOCKER_HOST or %s: %w", dockerd.DefaultHost, err)
		}
		return host, started, err
	})
}

// NeedRemappedDocker is NeedDocker of another engine, always a private one, that
// gives containers user namespaces (dockerd --userns-remap).
func NeedRemappedDocker(tb testing.TB) *Engine {
	tb.Helper()
	return remapped.get(tb, func() (string, *privateEngine, error) {
		host, started, err := startPrivate("-remap")
		if err != nil {
			err = fmt.Errorf("one that remaps users: %w", err)
		}
		return host, started, err
	})
}

// get returns the engine, which the first to ask finds or starts.
func (n *need) get(tb testing.TB, find func() (host string, started *privateEngine, err error)) *Engine {
	tb.Helper()
	if os.Getenv(EngineVariable) == "none" {
		tb.Skipf("%s=none: tests without Docker", EngineVariable)
	}
	n.Lock()
	defer n.Unlock()
	if n.engine == nil && n.err == nil {
		n.engine, n.err = n.open(find())
	}
	if n.err != nil {
		missing(tb, "needs a Docker engine: %v", n.err)
	}
	return n.engine
}

// open makes an engine of what was found; n is locked.
func (n *need) open(host string, started *privateEngine, err error) (*Engine, error) {
	if err != nil {
		return nil, err
	}
	n.private = started
	cli, err := dockerd.Client(host)
	if err != nil {
		return nil, err
	}
	return &Engine{host: host, client: cli}, nil
}

// stopEngines stops what was started here. Tests must have ended.
func stopEngines() error {
	errs := make([]error, 2)
	var stopping sync.WaitGroup
	for i, n := range []*need{&shared, &remapped} {
		stopping.Go(func() { errs[i] = n.stop() })
	}
	stopping.Wait()
	return errors.Join(errs...)
}

func (n *need) stop() error {
	n.Lock()
	defer n.Unlock()
	if n.engine != nil {
		_ = n.engine.client.Close()
	}
	if n.private != nil {
		return n.private.stop()
	}
	return nil
}
