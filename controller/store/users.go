// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"

	"switchyard/api"
	"switchyard/controller"
)

const userColumns = "u.name, u.admin, u.disabled, u.created_at"

func userDest(u *api.User) []any {
	return []any{&u.Name, &u.Admin, &u.Disabled, timeIn{&u.CreatedAt}}
}

func scanUser(r scanner) (u api.User, err error) {
	return u, r.Scan(userDest(&u)...)
}

const insertUser = "INSERT INTO users (name, admin, disabled, created_at) VALUES (?, ?, ?, ?)"

func (s *Store) CreateUser(ctx context.Context, u api.User) error {
	_, err := s.exec(ctx, insertUser, u.Name, u.Admin, u.Disabled, micros(u.CreatedAt))
	return err
}

func (s *Store) User(ctx context.Context, name string) (api.User, error) {
	u, err := scanUser(s.r.QueryRowContext(ctx, "SELECT "+userColumns+" FROM users u WHERE name = ?", name))
	return u, known(err)
}

func (s *Store) Users(ctx context.Context, p controller.Page) ([]api.User, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+userColumns+" FROM users u WHERE name > ? ORDER BY name LIMIT ?", p.After, p.Limit)
	return all(rows, err, scanUser)
}

func (s *Store) UpdateUser(ctx context.Context, name string, c api.UpdateUser) (u api.User, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		row := tx.QueryRowContext(ctx, "UPDATE users AS u SET admin = coalesce(?, admin), disabled = coalesce(?, disabled) WHERE name = ? RETURNING "+
			"name, admin, disabled, created_at", c.Admin, c.Disabled, name)
		if u, err = scanUser(row); err != nil {
			return known(err)
		}
		return checkAdminLeft(ctx, tx)
	})
	return u, err
}

// checkAdminLeft refuses a state that nobody could get out of.
func checkAdminLeft(ctx context.Context, tx *sql.Tx) error {
	var admins int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM users WHERE admin = 1 AND disabled = 0").Scan(&admins); err != nil {
		return err
	}
	if admins == 0 {
		return controller.ErrLastAdmin
	}
	return nil
}

func (s *Store) Memberships(ctx context.Context, user string) (map[string]api.Role, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT project, role FROM members WHERE user = ?", user)
	return scanRoles(rows, err)
}

// scanRoles collects rows of a name and a role.
func scanRoles(rows *sql.Rows, err error) (map[string]api.Role, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	roles := map[string]api.Role{}
	for rows.Next() {
		var name string
		var role api.Role
		if err := rows.Scan(&name, &role); err != nil {
			return nil, err
		}
		roles[name] = role
	}
	return roles, rows.Err()
}

func (s *Store) Bootstrap(ctx context.Context, u api.User, project string, t controller.TokenRecord) (made bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		var users int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM users").Scan(&users); err != nil || users > 0 {
			return err
		}
		made = true
		return bootstrap(ctx, tx, u, project, t)
	})
	return made && err == nil, err
}

func bootstrap(ctx context.Context, tx *sql.Tx, u api.User, project string, t controller.TokenRecord) error {
	if _, err := tx.ExecContext(ctx, insertUser, u.Name, u.Admin, u.Disabled, micros(u.CreatedAt)); err != nil {
		return err
	}
	p := api.Project{Name: project, CreatedAt: u.CreatedAt, Members: map[string]api.Role{u.Name: api.Owner}}
	if err := createProject(ctx, tx, p); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, insertToken, tokenValues(t)...)
	return err
}
