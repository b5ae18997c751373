// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net/http"
	"net/url"

	"switchyard/api"
)

// Whoami returns who the controller takes the token's bearer for.
func (c *Controller) Whoami(ctx context.Context) (api.Whoami, error) {
	var out api.Whoami
	return out, c.call(ctx, http.MethodGet, api.PathWhoami, nil, &out)
}

// Users lists all users.
func (c *Controller) Users(ctx context.Context) ([]api.User, error) {
	return list[api.User](ctx, c, api.PathUsers, nil)
}

// CreateUser makes a user.
func (c *Controller) CreateUser(ctx context.Context, in api.CreateUser) (api.User, error) {
	var out api.User
	return out, c.call(ctx, http.MethodPost, api.PathUsers, in, &out)
}

// UpdateUser changes a user.
func (c *Controller) UpdateUser(ctx context.Context, name string, in api.UpdateUser) (api.User, error) {
	var out api.User
	return out, c.call(ctx, http.MethodPatch, api.PathUser(name), in, &out)
}

// Tokens lists tokens, those of one user when user is not empty.
func (c *Controller) Tokens(ctx context.Context, user string) ([]api.Token, error) {
	q := url.Values{}
	set(q, api.QueryUser, user)
	return list[api.Token](ctx, c, api.PathTokens, q)
}

// CreateToken makes a token. Its secret is shown this once.
func (c *Controller) CreateToken(ctx context.Context, in api.CreateToken) (api.CreatedToken, error) {
	var out api.CreatedToken
	return out, c.call(ctx, http.MethodPost, api.PathTokens, in, &out)
}

// RevokeToken makes a token worthless.
func (c *Controller) RevokeToken(ctx context.Context, id api.TokenID) error {
	return c.call(ctx, http.MethodDelete, api.PathToken(id), nil, nil)
}
