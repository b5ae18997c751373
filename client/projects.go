// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net/http"

	"switchyard/api"
)

// Projects lists the projects that the caller may see.
func (c *Controller) Projects(ctx context.Context) ([]api.Project, error) {
	return list[api.Project](ctx, c, api.PathProjects, nil)
}

// Project returns one project.
func (c *Controller) Project(ctx context.Context, name string) (api.Project, error) {
	var out api.Project
	return out, c.call(ctx, http.MethodGet, api.PathProject(name), nil, &out)
}

// CreateProject makes a project.
func (c *Controller) CreateProject(ctx context.Context, in api.CreateProject) (api.Project, error) {
	var out api.Project
	return out, c.call(ctx, http.MethodPost, api.PathProjects, in, &out)
}

// UpdateProject changes a project.
func (c *Controller) UpdateProject(ctx context.Context, name string, in api.UpdateProject) (api.Project, error) {
	var out api.Project
	return out, c.call(ctx, http.MethodPatch, api.PathProject(name), in, &out)
}

// RemoveProject deletes a project that has no containers.
func (c *Controller) RemoveProject(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, api.PathProject(name), nil, nil)
}

// SetMember gives a user a role in a project, or another one.
func (c *Controller) SetMember(ctx context.Context, project, user string, role api.Role) error {
	return c.call(ctx, http.MethodPut, api.PathMember(project, user), api.SetMember{Role: role}, nil)
}

// RemoveMember takes a user's role in a project away.
func (c *Controller) RemoveMember(ctx context.Context, project, user string) error {
	return c.call(ctx, http.MethodDelete, api.PathMember(project, user), nil, nil)
}
