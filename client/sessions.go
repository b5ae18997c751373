// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net/http"
	"net/url"

	"switchyard/api"
)

// SessionFilter narrows a list of sessions; the zero value means those that are live.
type SessionFilter struct {
	State   api.SessionState
	Project string
	User    string
}

// Sessions lists sessions that the caller may see.
func (c *Controller) Sessions(ctx context.Context, f SessionFilter) ([]api.Session, error) {
	q := url.Values{}
	set(q, api.QueryState, string(f.State))
	set(q, api.QueryProject, f.Project)
	set(q, api.QueryUser, f.User)
	return list[api.Session](ctx, c, api.PathSessions, q)
}

// CloseSession ends a live session.
func (c *Controller) CloseSession(ctx context.Context, id api.SessionID) error {
	return c.call(ctx, http.MethodDelete, api.PathSession(id), nil, nil)
}

// Settings returns the installation's switches.
func (c *Controller) Settings(ctx context.Context) (api.Settings, error) {
	var out api.Settings
	return out, c.call(ctx, http.MethodGet, api.PathSettings, nil, &out)
}

// UpdateSettings changes the installation's switches.
func (c *Controller) UpdateSettings(ctx context.Context, in api.UpdateSettings) (api.Settings, error) {
	var out api.Settings
	return out, c.call(ctx, http.MethodPatch, api.PathSettings, in, &out)
}

// Authorities returns the installation's certificate authorities, over a verified connection.
func (c *Controller) Authorities(ctx context.Context) (api.Authorities, error) {
	var out api.Authorities
	return out, c.call(ctx, http.MethodGet, api.PathCA, nil, &out)
}
