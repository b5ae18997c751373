// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"switchyard/api"
)

// shown is a container record as this caller sees it.
func (c *Controller) shown(who caller, v api.Container) api.Container {
	v.Sessions = c.registry.liveIn(v.ID)
	// A runner knows its own. Whoever else holds the key of a container could use it: the proof needs both.
	if !who.user.Admin {
		v.RunnerAddress = ""
	}
	return v
}

func (c *Controller) listContainers(x *call) error {
	q, err := x.queries(api.QueryLimit, api.QueryAfter, api.QueryProject, api.QueryName, api.QueryState)
	if err != nil {
		return err
	}
	p, err := page(q)
	if err != nil {
		return err
	}
	f, err := containerFilter(q)
	if err != nil {
		return err
	}
	list, err := c.store.Containers(x.r.Context(), x.caller.eyes(), f, p.oneMore())
	if err != nil {
		return err
	}
	for i := range list {
		list[i] = c.shown(x.caller, list[i])
	}
	return x.reply(http.StatusOK, listOf(p, list, func(v api.Container) string { return string(v.ID) }))
}

func containerFilter(q url.Values) (f ContainerFilter, err error) {
	if f.Project, err = query(q, api.QueryProject); err != nil {
		return f, err
	}
	if f.Name, err = query(q, api.QueryName); err != nil {
		return f, err
	}
	states := []api.State{api.Queued, api.Running, api.Ended}
	for _, v := range q[api.QueryState] { // it may repeat
		if !slices.Contains(states, api.State(v)) {
			return f, badRequest("the state %.40q is none of %q", v, states)
		}
		f.States = append(f.States, api.State(v))
	}
	return f, nil
}

// createContainer registers a container and hands out its key, which derives and is stored nowhere.
func (c *Controller) createContainer(x *call) error {
	var req api.CreateContainer
	if err := x.decode(&req); err != nil {
		return err
	}
	if err := checkContainer(req); err != nil {
		return badRequest("%v", err)
	}
	project, err := c.projectFor(x, req.Project)
	if err != nil {
		return err
	}
	v := api.Container{
		ID: api.ContainerID(newID()), Name: req.Name, Project: project, Owner: x.caller.user.Name,
		DockerID: req.DockerID, Labels: req.Labels, ShellAccess: req.ShellAccess,
		State: api.Queued, Reusable: true, CreatedAt: now(),
	}
	switch err := c.store.CreateContainer(x.r.Context(), v); {
	case errors.Is(err, ErrExists):
		return conflict("project %q has a container %q that has not ended: end it, or choose another name", project, v.Name)
	case errors.Is(err, ErrNotFound):
		return noProject(project)
	case err != nil:
		return err
	}
	return x.reply(http.StatusCreated, api.CreatedContainer{Container: v, ContainerKey: c.keyOf(v.ID)})
}

func (c *Controller) keyOf(id api.ContainerID) string {
	return c.cfg.SystemToken.ContainerKey(string(id)).Reveal()
}

// projectFor is the project that a container is registered in: the named one, or the only one in which
// the caller may.
func (c *Controller) projectFor(x *call, name string) (string, error) {
	if name != "" {
		p, err := c.project(x, name, api.Owner, "register containers")
		return p.Name, err
	}
	roles, err := c.store.Memberships(x.r.Context(), x.caller.user.Name)
	if err != nil {
		return "", err
	}
	var own []string
	for project, role := range roles {
		if atLeast(role, api.Owner) {
			own = append(own, project)
		}
	}
	switch len(own) {
	case 0:
		return "", forbidden("you own no project to register a container in: an admin or an owner can make you an owner of one")
	case 1:
		return own[0], nil
	}
	slices.Sort(own)
	return "", badRequest("you own several projects: say which, %s", strings.Join(own, ", "))
}

func (c *Controller) getContainer(x *call) error {
	f, err := c.target(x, api.Viewer, "see it")
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, c.shown(x.caller, f.Container))
}

func (c *Controller) updateContainer(x *call) error {
	var req api.UpdateContainer
	if err := x.decode(&req); err != nil {
		return err
	}
	if err := checkLabels(req.Labels); err != nil {
		return badRequest("%v", err)
	}
	f, err := c.target(x, api.Owner, "change its containers")
	if err != nil {
		return err
	}
	v, err := c.store.UpdateContainer(x.r.Context(), f.ID, req)
	if err != nil {
		return goneMeanwhile(err, f)
	}
	return x.reply(http.StatusOK, c.shown(x.caller, v))
}

// deleteContainer removes the record of a container that has ended. Its sessions' records stay.
func (c *Controller) deleteContainer(x *call) error {
	f, err := c.target(x, api.Owner, "delete its containers")
	if err != nil {
		return err
	}
	err = c.store.DeleteContainer(x.r.Context(), f.ID)
	if errors.Is(err, ErrNotEnded) {
		return conflict("container %q has not ended: end it first", qualified(f.Container))
	}
	if err != nil {
		return goneMeanwhile(err, f)
	}
	return x.done()
}

// goneMeanwhile is for a record that was there when its ref was resolved.
func goneMeanwhile(err error, f Found) error {
	if errors.Is(err, ErrNotFound) {
		return noContainer(f.ID, "", "")
	}
	return fmt.Errorf("changing container %s: %v", f.ID, err)
}

func (c *Controller) containerKey(x *call) error {
	f, err := c.target(x, api.Owner, "have the keys of its containers")
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, api.ContainerKey{ContainerKey: c.keyOf(f.ID)})
}

// endContainer ends a container's record. When its runner says so, the runner sees to it that its
// sessions end with the exit status they are owed; when a user says so, they are closed.
func (c *Controller) endContainer(x *call) error {
	var req api.EndContainer
	if err := x.decode(&req); err != nil {
		return err
	}
	f, err := c.target(x, api.Owner, "end its containers")
	if err != nil {
		return err
	}
	v, err := c.store.EndContainer(x.r.Context(), f.ID, req.ExitCode, now())
	if err != nil {
		return goneMeanwhile(err, f)
	}
	if x.caller.runner == "" {
		c.registry.closeWhere(errContainerEnded, func(s *session) bool { return s.ContainerID == v.ID })
	}
	return x.reply(http.StatusOK, c.shown(x.caller, v))
}

// errContainerEnded is why the sessions of a container that was ended by hand are closed.
var errContainerEnded = errors.New("the container's record was ended")
