// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"fmt"

	"switchyard/runner/runc"
	"switchyard/sshd"
)

// Exec is how processes are started.
type Exec string

const (
	// ExecAuto is ExecRunc where that works, and ExecDocker else. It is what "" means.
	ExecAuto Exec = "auto"
	// ExecDocker is docker exec: what processes read and write passes through the engine.
	ExecDocker Exec = "docker"
	// ExecRunc calls the engine's OCI runtime, runc or crun, directly.
	ExecRunc Exec = "runc"
)

// starter is a way to start processes in the container.
type starter interface {
	// needsStop says whether a process must be held up until it is set up.
	needsStop(*sshd.Pty) bool
	// start starts a process. The error is one line for the user.
	start(context.Context, job) (sshd.Process, error)
	// close releases the way. Every process has been ended before.
	close()
}

// Start starts a process and returns once it runs the command. The error is one line for the user.
func (t *Target) Start(ctx context.Context, c sshd.Command) (sshd.Process, error) {
	j, err := t.job(ctx, c, t.starter.needsStop(c.Pty))
	if err != nil {
		return nil, err
	}
	ctx, stop := t.unlessPaused(ctx)
	defer stop()
	return t.starter.start(ctx, j)
}

// Exec says how processes are started: ExecDocker or ExecRunc.
func (t *Target) Exec() Exec {
	if _, ok := t.starter.(runtimeExec); ok {
		return ExecRunc
	}
	return ExecDocker
}

// ExecReason says why processes are started by docker exec: one line for whoever runs the runner, without that it is
// so. It is empty when they are started by the runtime.
func (t *Target) ExecReason() string { return t.why }

// setStarter chooses the way, and says in the log which, and why where it is not the better one.
func (t *Target) setStarter(ctx context.Context, wanted Exec) error {
	t.starter, t.why = engineExec{t}, ""
	switch wanted {
	case ExecDocker:
		t.leaveToDocker("--exec docker asks for that")
		return nil
	case ExecAuto, ExecRunc, "":
	default:
		return fmt.Errorf("processes are started by auto, docker or runc, and not by %q", wanted)
	}
	runtime, err := runc.Open(ctx, runc.Config{ContainerID: t.info.ID, PID: t.main.PID(), Log: t.log, Sessions: t.sessions})
	switch {
	case err == nil && t.ns.Alive():
		t.starter = runtimeExec{t, runtime}
		t.log.Infof("processes are started by %s, Docker's own runtime, without the Docker engine", runtime.Name())
	case err == nil:
		runtime.Close()
		return t.ended()
	case wanted == ExecRunc:
		return fmt.Errorf("container %q: its runtime cannot be called directly: %v; or choose --exec auto or docker", t.name, err)
	default:
		t.leaveToDocker(fmt.Sprintf("the container's runtime cannot be called directly: %v", err))
	}
	return nil
}

func (t *Target) leaveToDocker(why string) {
	t.why = why
	t.log.Infof("processes are started by docker exec, since %s", why)
}
