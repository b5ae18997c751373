// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"switchyard/runner/proc"
	"switchyard/sshd"
)

// recordWait bounds how long Follow asks the engine for an exit code that the
// kernel did not tell: the engine may be restarting.
const recordWait = time.Minute

// Follow waits until the container has died and returns its exit code, 128+n
// when signal n killed it. Death is what the kernel says of the main process, so
// a restart of the engine, and losing its events, change nothing. A container
// that is started again, or restarted by its policy, has died: see the package.
//
// The error is ctx's when that ends first, or says that the container has died
// but the engine, asked where Linux is older than 6.15, has no exit code of it;
// the code is then -1.
func (t *Target) Follow(ctx context.Context) (code int, err error) {
	if err := t.main.Wait(ctx); err != nil {
		return -1, err
	}
	if exit, known := t.main.ExitInfo(); known {
		return exitCode(exit), nil
	}
	ctx, cancel := context.WithTimeout(ctx, recordWait)
	defer cancel()
	return t.recordedCode(ctx)
}

// exitCode is the code that a shell, and Docker, has for an end.
func exitCode(exit sshd.Exit) int {
	if sig, err := proc.SignalNumber(exit.Signal); err == nil {
		return 128 + int(sig)
	}
	return exit.Code
}

// recordedCode asks the engine until it knows that the container has died.
func (t *Target) recordedCode(ctx context.Context) (int, error) {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		answer, err := t.engine.ContainerInspect(ctx, t.info.ID, client.ContainerInspectOptions{})
		state := answer.Container.State
		switch {
		case errdefs.IsNotFound(err):
			return -1, fmt.Errorf("container %q has died and was removed before its exit code was read", t.name)
		case err == nil && state != nil && state.Pid != t.main.PID():
			return state.ExitCode, nil
		}
		if rest(ctx, pause, nil) != nil {
			return -1, errors.New("the container has died, but the Docker engine does not say with what exit code")
		}
	}
}
