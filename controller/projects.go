// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"net/http"
	"slices"

	"switchyard/api"
)

func (c *Controller) listProjects(x *call) error {
	q, err := x.queries(api.QueryLimit, api.QueryAfter)
	if err != nil {
		return err
	}
	p, err := page(q)
	if err != nil {
		return err
	}
	projects, err := c.store.Projects(x.r.Context(), x.caller.eyes(), p.oneMore())
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, listOf(p, projects, func(v api.Project) string { return v.Name }))
}

func (c *Controller) createProject(x *call) error {
	var req api.CreateProject
	if err := x.decode(&req); err != nil {
		return err
	}
	if err := api.CheckNewName("project", req.Name); err != nil {
		return badRequest("%v", err)
	}
	p := api.Project{
		Name: req.Name, ShellAccess: req.ShellAccess, CreatedAt: now(),
		Members: map[string]api.Role{x.caller.user.Name: api.Owner},
	}
	switch err := c.store.CreateProject(x.r.Context(), p); {
	case errors.Is(err, ErrExists):
		return conflict("there is a project %q already", p.Name)
	case err != nil:
		return err
	}
	return x.reply(http.StatusCreated, p)
}

func (c *Controller) getProject(x *call) error {
	p, err := c.project(x, x.params["project"], api.Viewer, "see it")
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, p)
}

func (c *Controller) updateProject(x *call) error {
	var req api.UpdateProject
	if err := x.decode(&req); err != nil {
		return err
	}
	p, err := c.project(x, x.params["project"], api.Owner, "change it")
	if err != nil {
		return err
	}
	p, err = c.store.UpdateProject(x.r.Context(), p.Name, req)
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, p)
}

func (c *Controller) deleteProject(x *call) error {
	name := x.params["project"]
	switch err := c.store.DeleteProject(x.r.Context(), name); {
	case errors.Is(err, ErrNotFound):
		return noProject(name)
	case errors.Is(err, ErrInUse):
		return conflict("project %q has containers: end and delete them first", name)
	case err != nil:
		return err
	}
	return x.done()
}

// setMember gives a user a role. One who loses the role that sessions take keeps those that she has;
// closing them is a separate act.
func (c *Controller) setMember(x *call) error {
	var req api.SetMember
	if err := x.decode(&req); err != nil {
		return err
	}
	if roles := []api.Role{api.Viewer, api.Member, api.Owner}; !slices.Contains(roles, req.Role) {
		return badRequest("the role %.40q is none of %q", req.Role, roles)
	}
	p, err := c.project(x, x.params["project"], api.Owner, "change its members")
	if err != nil {
		return err
	}
	user := x.params["user"]
	switch err := c.store.SetMember(x.r.Context(), p.Name, user, req.Role); {
	case errors.Is(err, ErrNotFound):
		return noUser(user)
	case err != nil:
		return err
	}
	return x.done()
}

func (c *Controller) removeMember(x *call) error {
	p, err := c.project(x, x.params["project"], api.Owner, "change its members")
	if err != nil {
		return err
	}
	user := x.params["user"]
	switch err := c.store.RemoveMember(x.r.Context(), p.Name, user); {
	case errors.Is(err, ErrNotFound):
		return notFound("there is no member %.80q in project %q", user, p.Name)
	case err != nil:
		return err
	}
	return x.done()
}
