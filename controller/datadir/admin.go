// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchyard/api"
	"switchyard/controller"
)

// NewAdminToken makes a token of an admin in the data directory of a controller that is stopped: of FirstUser,
// or of another enabled admin when that one is none. When there is none at all, FirstUser is made one again. keep
// is given the token before the records have it, so that one that could not be kept is never good.
func NewAdminToken(ctx context.Context, path string, keep func(secret string) error) (user string, err error) {
	release, err := seize(path)
	if err != nil {
		return "", err
	}
	if err := release(); err != nil { // Open takes it again, and refuses should a controller have come between
		return "", err
	}
	d, err := Open(ctx, path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if user, err = d.someAdmin(ctx); err != nil {
		return "", err
	}
	secret, token := controller.NewToken(user, "made with admin-token", time.Now())
	if err := keep(secret); err != nil {
		return "", err
	}
	if err := d.Store.CreateToken(ctx, token); err != nil {
		return "", fmt.Errorf("recording the token: %v", err)
	}
	return user, nil
}

// someAdmin names an enabled admin.
func (d *Dir) someAdmin(ctx context.Context) (string, error) {
	name := ""
	for after := ""; ; {
		users, err := d.Store.Users(ctx, controller.Page{After: after, Limit: 100})
		if err != nil {
			return "", fmt.Errorf("looking for admins: %v", err)
		}
		for _, u := range users {
			if after = u.Name; u.Admin && !u.Disabled && (name == "" || u.Name == FirstUser) {
				name = u.Name
			}
		}
		switch {
		case len(users) > 0:
		case name != "":
			return name, nil
		default:
			return FirstUser, d.enableFirst(ctx)
		}
	}
}

// enableFirst makes FirstUser an enabled admin.
func (d *Dir) enableFirst(ctx context.Context) error {
	yes, no := true, false
	_, err := d.Store.UpdateUser(ctx, FirstUser, api.UpdateUser{Admin: &yes, Disabled: &no})
	if errors.Is(err, controller.ErrNotFound) {
		err = d.Store.CreateUser(ctx, api.User{Name: FirstUser, Admin: true, CreatedAt: time.Now()})
	}
	if err != nil {
		return fmt.Errorf("making %q an admin: %v", FirstUser, err)
	}
	return nil
}
