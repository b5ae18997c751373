// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"net/http"
	"time"

	"switchyard/api"
)

func (c *Controller) whoami(x *call) error {
	projects, err := c.store.Memberships(x.r.Context(), x.caller.user.Name)
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, api.Whoami{
		User: x.caller.user.Name, Admin: x.caller.user.Admin,
		TokenID: x.caller.token.ID, ExpiresAt: x.caller.token.ExpiresAt, Projects: projects,
	})
}

func (c *Controller) listUsers(x *call) error {
	q, err := x.queries(api.QueryLimit, api.QueryAfter)
	if err != nil {
		return err
	}
	p, err := page(q)
	if err != nil {
		return err
	}
	users, err := c.store.Users(x.r.Context(), p.oneMore())
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, listOf(p, users, func(u api.User) string { return u.Name }))
}

func (c *Controller) createUser(x *call) error {
	var req api.CreateUser
	if err := x.decode(&req); err != nil {
		return err
	}
	if err := api.CheckName("user", req.Name); err != nil {
		return badRequest("%v", err)
	}
	u := api.User{Name: req.Name, Admin: req.Admin, CreatedAt: now()}
	switch err := c.store.CreateUser(x.r.Context(), u); {
	case errors.Is(err, ErrExists):
		return conflict("there is a user %q already", u.Name)
	case err != nil:
		return err
	}
	return x.reply(http.StatusCreated, u)
}

// getUser shows a user to herself and to admins; to others it does not say whether there is one.
func (c *Controller) getUser(x *call) error {
	name := x.params["user"]
	if !x.caller.user.Admin && name != x.caller.user.Name {
		return forbidden("only an admin may look at other users")
	}
	u, err := c.store.User(x.r.Context(), name)
	if errors.Is(err, ErrNotFound) {
		return noUser(name)
	}
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, u)
}

// updateUser changes a user. One who becomes disabled loses her sessions with it: that is what is meant
// when somebody must be out.
func (c *Controller) updateUser(x *call) error {
	var req api.UpdateUser
	if err := x.decode(&req); err != nil {
		return err
	}
	name := x.params["user"]
	u, err := c.store.UpdateUser(x.r.Context(), name, req)
	switch {
	case errors.Is(err, ErrNotFound):
		return noUser(name)
	case errors.Is(err, ErrLastAdmin):
		return conflict("%q is the last enabled admin: make another user an admin first", name)
	case err != nil:
		return err
	}
	if u.Disabled {
		c.registry.closeWhere(errRefused, func(s *session) bool { return s.User == u.Name })
	}
	return x.reply(http.StatusOK, u)
}

func noUser(name string) *api.Problem { return notFound("there is no user %.80q", name) }

// now is a time as the store keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
