// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"switchyard/api"
)

// maxChoices is how many containers an ambiguous ref's error lists.
const maxChoices = 10

// resolve finds the container that a ref means to this user. It is used for every ref. What she may not
// see is answered like what does not exist: the same text, from the same query.
func (c *Controller) resolve(ctx context.Context, who caller, ref string) (Found, error) {
	id, name, project, err := api.ParseRef(api.Ref(ref))
	if err != nil {
		return Found{}, badRequest("%v", err)
	}
	all, err := c.store.FindContainers(ctx, who.eyes(), Query{ID: id, Name: name, Project: project})
	if err != nil {
		return Found{}, fmt.Errorf("looking for container %q: %v", ref, err)
	}
	meant := liveFirst(all)
	switch len(meant) {
	case 0:
		return Found{}, noContainer(id, name, project)
	case 1:
		return withPower(meant[0], who), nil
	}
	return Found{}, ambiguous(name, meant)
}

// liveFirst leaves out the ended ones when there are others.
func liveFirst(all []Found) []Found {
	var live []Found
	for _, f := range all {
		if f.State != api.Ended {
			live = append(live, f)
		}
	}
	if len(live) > 0 {
		return live
	}
	return all
}

// withPower gives an admin the power of an owner.
func withPower(f Found, who caller) Found {
	if who.user.Admin {
		f.Role = api.Owner
	}
	return f
}

func noContainer(id api.ContainerID, name, project string) *api.Problem {
	const hint = "\"switchyard ls\" lists those that you may see"
	switch {
	case id != "":
		return notFound("there is no container with the id %q: %s", id, hint)
	case project != "":
		return notFound("there is no container %q in project %q: %s", name, project, hint)
	}
	return notFound("there is no container %q: %s", name, hint)
}

func ambiguous(name string, meant []Found) *api.Problem {
	var choices []string
	for _, f := range meant[:min(len(meant), maxChoices)] {
		choices = append(choices, qualified(f.Container))
	}
	if len(meant) > maxChoices {
		choices = append(choices, "…")
	}
	p := conflict("several projects have a container %q: say which, %s", name, strings.Join(choices, ", "))
	p.Code, p.Type, p.Title = api.CodeAmbiguous, api.ProblemTypePrefix+string(api.CodeAmbiguous), "The name is ambiguous"
	return p
}

// target resolves the ref in the path for a caller that needs at least this role. A runner's is its own.
func (c *Controller) target(x *call, need api.Role, verb string) (Found, error) {
	if x.caller.runner != "" {
		return c.ownContainer(x)
	}
	f, err := c.resolve(x.r.Context(), x.caller, x.params["ref"])
	if err != nil {
		return f, err
	}
	if !atLeast(f.Role, need) {
		return f, needRole(f.Project, f.Role, need, verb)
	}
	return f, nil
}

func (c *Controller) ownContainer(x *call) (Found, error) {
	v, err := c.store.Container(x.r.Context(), x.caller.runner)
	if errors.Is(err, ErrNotFound) {
		return Found{}, noContainer(x.caller.runner, "", "")
	}
	return Found{Container: v}, err
}

// power orders the roles.
var power = map[api.Role]int{api.Viewer: 1, api.Member: 2, api.Owner: 3}

func atLeast(have, need api.Role) bool { return power[have] >= power[need] }

func needRole(project string, have, need api.Role, verb string) *api.Problem {
	return forbidden("you are %s of project %q, and it takes %s to %s: an owner of the project can make you one",
		article(have), project, article(need), verb)
}

func article(r api.Role) string {
	if r == api.Owner {
		return "an owner"
	}
	return "a " + string(r)
}

// project finds a project for a caller that needs at least this role in it.
func (c *Controller) project(x *call, name string, need api.Role, verb string) (api.Project, error) {
	p, err := c.store.Project(x.r.Context(), x.caller.eyes(), name)
	switch {
	case errors.Is(err, ErrNotFound):
		return p, noProject(name)
	case err != nil:
		return p, fmt.Errorf("looking for project %q: %v", name, err)
	}
	if have := p.Members[x.caller.user.Name]; !x.caller.user.Admin && !atLeast(have, need) {
		return p, needRole(p.Name, have, need, verb)
	}
	return p, nil
}

func noProject(name string) *api.Problem {
	return notFound("there is no project %.80q that you may see", name)
}
