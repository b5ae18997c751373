// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"net/http"

	"switchyard/api"
)

func (c *Controller) getSettings(x *call) error {
	v, err := c.shellAccess(x.r.Context())
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, api.Settings{ShellAccess: v})
}

// updateSettings turns the switches, and cuts the sessions that the new position refuses if told to.
func (c *Controller) updateSettings(x *call) error {
	var req api.UpdateSettings
	if err := x.decode(&req); err != nil {
		return err
	}
	ctx := x.r.Context()
	if req.ShellAccess != "" {
		if err := CheckShellAccess(req.ShellAccess); err != nil {
			return badRequest("%v", err)
		}
		if err := c.setShellAccess(ctx, req.ShellAccess); err != nil {
			return err
		}
		x.log.WithField("shell_access", req.ShellAccess).WithField("user", x.caller.user.Name).Info("shell access was set")
	}
	if req.CloseSessions {
		if err := c.closeRefused(ctx); err != nil {
			return err
		}
	}
	return c.getSettings(x)
}

// closeRefused closes the sessions that would not be opened now, and waits for them.
func (c *Controller) closeRefused(ctx context.Context) error {
	system, err := c.shellAccess(ctx)
	if err != nil {
		return err
	}
	refused := map[api.SessionID]bool{}
	for _, s := range c.registry.snapshot() {
		no, err := c.refusedNow(ctx, system, s)
		if err != nil {
			return err
		}
		refused[s.ID] = no
	}
	return waitFor(ctx, c.registry.closeWhere(errRefused, func(s *session) bool { return refused[s.ID] }))
}

func (c *Controller) refusedNow(ctx context.Context, system api.ShellAccess, s *session) (bool, error) {
	u, err := c.store.User(ctx, s.User)
	if err != nil {
		return false, err
	}
	found, err := c.store.FindContainers(ctx, Eyes{All: true}, Query{ID: s.ContainerID})
	if err != nil {
		return false, err
	}
	// A session in a container whose record is gone has nothing left that would allow it.
	return len(found) == 0 || shellRefusal(system, u.Admin, found[0]) != nil, nil
}
