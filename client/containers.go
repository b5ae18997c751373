// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/uuid"

	"switchyard/api"
)

// ContainerFilter narrows a list of containers; the zero value leaves out nothing.
type ContainerFilter struct {
	Project string
	Name    string
	State   api.State
}

func (f ContainerFilter) query() url.Values {
	q := url.Values{}
	set(q, api.QueryProject, f.Project)
	set(q, api.QueryName, f.Name)
	set(q, api.QueryState, string(f.State))
	return q
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

// Containers lists the containers that the caller may see.
func (c *Controller) Containers(ctx context.Context, f ContainerFilter) ([]api.Container, error) {
	return list[api.Container](ctx, c, api.PathContainers, f.query())
}

// Container returns one container's record.
func (c *Controller) Container(ctx context.Context, ref api.Ref) (api.Container, error) {
	var out api.Container
	return out, c.call(ctx, http.MethodGet, api.PathContainer(ref), nil, &out)
}

// CreateContainer registers a container. The answer holds its key, which CreateContainer's caller
// gives to the container's runner and to nobody else.
func (c *Controller) CreateContainer(ctx context.Context, in api.CreateContainer) (api.CreatedContainer, error) {
	var out api.CreatedContainer
	return out, c.call(ctx, http.MethodPost, api.PathContainers, in, &out)
}

// UpdateContainer changes a container's record.
func (c *Controller) UpdateContainer(ctx context.Context, ref api.Ref, in api.UpdateContainer) (api.Container, error) {
	var out api.Container
	return out, c.call(ctx, http.MethodPatch, api.PathContainer(ref), in, &out)
}

// EndContainer says that a container has ended.
func (c *Controller) EndContainer(ctx context.Context, ref api.Ref, in api.EndContainer) (api.Container, error) {
	var out api.Container
	return out, c.call(ctx, http.MethodPost, api.PathContainerEnd(ref), in, &out)
}

// RemoveContainer deletes the record of a container that has ended.
func (c *Controller) RemoveContainer(ctx context.Context, ref api.Ref) error {
	return c.call(ctx, http.MethodDelete, api.PathContainer(ref), nil, nil)
}

// ContainerKey returns the key that a container's runner needs.
func (c *Controller) ContainerKey(ctx context.Context, ref api.Ref) (string, error) {
	var out api.ContainerKey
	return out.ContainerKey, c.call(ctx, http.MethodGet, api.PathContainerKey(ref), nil, &out)
}

// Probe asks whether a session would be let in now, without opening one. The error is what Dial would
// be refused with.
func (c *Controller) Probe(ctx context.Context, ref api.Ref) error {
	err := c.call(ctx, http.MethodGet, api.PathContainerSSH(ref), nil, nil)
	var p *api.Problem
	if errors.As(err, &p) && (p.Code == api.CodeUpgradeRequired || p.Code == api.CodeMethodNotAllowed) {
		// This controller answers nothing but the upgrade itself, which will tell.
		return nil
	}
	return err
}

// ListContainers lists containers for a person: by project and name, without those that have ended
// unless all is set.
func (c *Controller) ListContainers(ctx context.Context, f ContainerFilter, all bool) ([]api.Container, error) {
	states := []api.State{f.State}
	if !all && f.State == "" {
		states = []api.State{api.Queued, api.Running}
	}
	var items []api.Container
	for _, s := range states {
		f.State = s
		some, err := c.Containers(ctx, f)
		if err != nil {
			return nil, err
		}
		items = append(items, some...)
	}
	slices.SortStableFunc(items, func(a, b api.Container) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Name, b.Name), b.CreatedAt.Compare(a.CreatedAt))
	})
	// One that started between the two requests is in both answers.
	return slices.CompactFunc(items, func(a, b api.Container) bool { return a.ID == b.ID }), nil
}

// CompleteContainers lists the words that name containers which have not ended: the name, with the
// project where two projects have the same.
func (c *Controller) CompleteContainers(ctx context.Context) ([]string, error) {
	items, err := c.ListContainers(ctx, ContainerFilter{}, false)
	count := map[string]int{}
	for _, i := range items {
		count[i.Name]++
	}
	var words []string
	for _, i := range items {
		word := i.Name
		if count[word] > 1 {
			word += "." + i.Project
		}
		if _, _, _, err := api.ParseRef(api.Ref(word)); err == nil { // else it is no name, but data for a shell
			words = append(words, word)
		}
	}
	return words, err
}

// CheckRecord refuses a record that a controller would not send, for callers that put its id on a
// command line.
func (c *Controller) CheckRecord(r api.Container) error {
	if uuid.Validate(string(r.ID)) != nil {
		return c.strange("a container without an id")
	}
	return nil
}
