// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/moby/moby/client"

	"switchyard/test/rig/dockerd"
)

const (
	// EngineVariable set to "none" in the environment makes NeedDocker skip,
	// even with CI=true: that is how the tests run without Docker.
	EngineVariable = "SWITCHYARD_TEST_ENGINE"
	// RunVariable identifies one run of tests; scripts/with-engine sets it.
	RunVariable = "SWITCHYARD_TEST_RUN"
	// RunLabel is the label that carries it on every container of a test.
	RunLabel = "switchyard.test.run"
)

// Engine is a Docker Engine that answers. There is one per test process; its
// methods may be called concurrently.
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

// shared is the engine of this test process, found or started at first use.
var shared struct {
	sync.Mutex // held while the engine is looked for, so that there is only one
	engine     *Engine
	private    *privateEngine
	err        error
}

// NeedDocker returns the engine for this test process. Without any it skips the
// test, or fails it where CI=true. The engine is stopped by VerifyNoLeaks, or
// when the process ends, if it was started here.
func NeedDocker(tb testing.TB) *Engine {
	tb.Helper()
	if os.Getenv(EngineVariable) == "none" {
		tb.Skipf("%s=none: tests without Docker", EngineVariable)
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.engine == nil && shared.err == nil {
		shared.engine, shared.err = findEngine()
	}
	if shared.err != nil {
		missing(tb, "needs a Docker engine: %v", shared.err)
	}
	return shared.engine
}

// findEngine finds or starts one; shared is locked.
func findEngine() (*Engine, error) {
	host := dockerd.Find(context.Background())
	if host == "" {
		private, err := startPrivate()
		if err != nil {
			return nil, err
		}
		shared.private, host = private, private.host
	}
	cli, err := dockerd.Client(host)
	if err != nil {
		return nil, err
	}
	return &Engine{host: host, client: cli}, nil
}

// stopEngine stops what findEngine started. Tests must have ended.
func stopEngine() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.engine != nil {
		_ = shared.engine.client.Close()
	}
	if shared.private != nil {
		return shared.private.stop()
	}
	return nil
}
