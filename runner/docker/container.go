// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// inspectRunning finds a container that runs.
func inspectRunning(ctx context.Context, engine Engine, id string) (container.InspectResponse, error) {
	answer, err := engine.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	found := answer.Container
	switch {
	case errdefs.IsNotFound(err):
		return found, fmt.Errorf("the Docker engine has no container %q", id)
	case err != nil:
		return found, fmt.Errorf("asking the Docker engine for container %q: %s", id, oneLine(err.Error()))
	case found.State == nil || found.Config == nil:
		return found, fmt.Errorf("the Docker engine says nothing of the state of container %q", id)
	case !found.State.Running || found.State.Pid <= 0:
		return found, fmt.Errorf("container %q is not running, it is %q: start it first", id, found.State.Status)
	}
	return found, nil
}

// inContainer verifies by its cgroup that a process belongs to the container.
// Every cgroup driver puts the full id into the path, and only root of the
// machine can move a process there.
func inContainer(pid int, id string) error {
	groups, err := os.ReadFile(procPath(pid, "cgroup"))
	if err != nil {
		return err
	}
	if !bytes.Contains(groups, []byte(id)) {
		return fmt.Errorf("process %d is in no cgroup of container %.12s", pid, id)
	}
	return nil
}
