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
)

// errNotStarted says that the engine could not start the process; why comes
// over the connection. errNoAnswer says that it closed the connection and tells
// nothing: the process may yet come.
var (
	errNotStarted = errors.New("the engine did not start the process")
	errNoAnswer   = errors.New("the engine closed the connection and does not say why")
)

// findLeader waits until the engine has started an exec instance and takes hold
// of its process. It is nil when that has ended already. ended is closed when
// the engine has closed the instance's connection; it may be nil.
func (t *Target) findLeader(ctx context.Context, id string, ended <-chan struct{}) (*proc.Leader, error) {
	pid, err := t.awaitPID(ctx, id, ended)
	if err != nil {
		return nil, err
	}
	leader, err := proc.Open(pid)
	if err == nil {
		if err = inContainer(pid, t.info.ID); err == nil {
			return leader, nil
		}
		leader.Close()
	}
	if isGone(err) {
		err = nil
	}
	return nil, err
}

// Between questions to the engine for a process's number: the first after a
// birth, and the most.
const (
	pidPause    = time.Millisecond
	maxPIDPause = 50 * time.Millisecond
	// endedWait bounds the questions once the connection has been closed.
	endedWait = 2 * time.Second
)

// awaitPID asks the engine for the process's number. The engine answers an
// attachment before it starts the process, and an inspection at any time.
func (t *Target) awaitPID(ctx context.Context, id string, ended <-chan struct{}) (int, error) {
	births := t.births()
	var last time.Time // of the questions; zero while there may always be more
	for pause := 8 * pidPause; ; pause = min(2*pause, maxPIDPause) {
		if closed(ended) {
			last, ended = time.Now().Add(endedWait), nil
		}
		found, err := t.engine.ExecInspect(ctx, id, client.ExecInspectOptions{})
		switch {
		case err != nil:
			return 0, err
		case found.PID > 0:
			return found.PID, nil
		case found.ExitCode != 0:
			return 0, errNotStarted
		case !last.IsZero() && time.Now().After(last):
			return 0, errNoAnswer
		}
		born, err := births.await(ctx, pause, ended)
		if err != nil {
			return 0, err
		}
		if born {
			pause = pidPause / 2
		}
	}
}

// exitCode asks the engine, until it has forgotten the instance, how its process
// ended; it cannot tell death by a signal from a code above 128.
func (t *Target) exitCode(ctx context.Context, id string) (int, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		found, err := t.engine.ExecInspect(ctx, id, client.ExecInspectOptions{})
		if err == nil && !found.Running {
			return found.ExitCode, nil
		}
		if errdefs.IsNotFound(err) || rest(ctx, pause, nil) != nil {
			return 0, fmt.Errorf("the Docker engine does not say how the process ended (%v)", err)
		}
	}
}

// rest waits a while, or until one of the others.
func rest(ctx context.Context, pause time.Duration, ended <-chan struct{}) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
