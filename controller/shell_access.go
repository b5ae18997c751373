// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"switchyard/api"
)

// settingShellAccess is the name of the switch in the store.
const settingShellAccess = "shell_access"

func (c *Controller) shellAccess(ctx context.Context) (api.ShellAccess, error) {
	v, err := c.store.Setting(ctx, settingShellAccess)
	switch {
	case errors.Is(err, ErrNotFound):
		return api.ShellOptOut, nil
	case err != nil:
		return "", fmt.Errorf("reading the shell access switch: %v", err)
	}
	return api.ShellAccess(v), nil
}

func (c *Controller) setShellAccess(ctx context.Context, v api.ShellAccess) error {
	return c.store.SetSetting(ctx, settingShellAccess, string(v))
}

// shellRefusal tells which switch, if any, keeps a user out of a container. A project and a container
// that say false keep everybody out, admins too, who can change that; true is what opt-in asks of a
// container and says nothing for a project. A value of the system's switch that is not known is off.
func shellRefusal(system api.ShellAccess, admin bool, f Found) *api.Problem {
	owner := "an owner of project " + fmt.Sprintf("%q", f.Project)
	switch {
	case system == api.ShellAdmin && !admin:
		return shellOff("shell access is for admins only in this installation: an admin can change the system's switch")
	case system != api.ShellAdmin && system != api.ShellOptIn && system != api.ShellOptOut:
		return shellOff("shell access is off in this installation: an admin can change the system's switch")
	case isFalse(f.ProjectShell):
		return shellOff("shell access is off in project %q: %s can change the project's switch", f.Project, owner)
	case isFalse(f.ShellAccess):
		return shellOff("shell access is off for container %q: %s can change the container's switch", qualified(f.Container), owner)
	case system == api.ShellOptIn && f.ShellAccess == nil:
		return shellOff("shell access is off where it is not asked for, and container %q does not ask: %s can change the container's switch", qualified(f.Container), owner)
	}
	return nil
}

func isFalse(b *bool) bool { return b != nil && !*b }

func shellOff(format string, args ...any) *api.Problem {
	return api.NewProblem(http.StatusForbidden, api.CodeShellOff, "Shell access is off", format, args...)
}
