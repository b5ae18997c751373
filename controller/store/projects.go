// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"

	"switchyard/api"
	"switchyard/controller"
)

// seen is the condition that the eyes see the project p. It takes Eyes.All and Eyes.User.
const seen = "(? OR EXISTS (SELECT 1 FROM members m WHERE m.project = p.name AND m.user = ?))"

const projectColumns = "p.name, p.shell_access, p.created_at"

func scanProject(r scanner) (p api.Project, err error) {
	return p, r.Scan(&p.Name, &p.ShellAccess, timeIn{&p.CreatedAt})
}

func (s *Store) CreateProject(ctx context.Context, p api.Project) error {
	return s.write(ctx, func(tx *sql.Tx) error { return createProject(ctx, tx, p) })
}

func createProject(ctx context.Context, tx *sql.Tx, p api.Project) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO projects (name, shell_access, created_at) VALUES (?, ?, ?)",
		p.Name, p.ShellAccess, micros(p.CreatedAt))
	if err != nil {
		return known(err)
	}
	for user, role := range p.Members {
		if _, err := tx.ExecContext(ctx, setMember, p.Name, user, role); err != nil {
			return known(err)
		}
	}
	return nil
}

func (s *Store) Project(ctx context.Context, e controller.Eyes, name string) (api.Project, error) {
	row := s.r.QueryRowContext(ctx, "SELECT "+projectColumns+" FROM projects p WHERE p.name = ? AND "+seen, name, e.All, e.User)
	p, err := scanProject(row)
	if err != nil {
		return p, known(err)
	}
	return s.withMembers(ctx, p)
}

func (s *Store) withMembers(ctx context.Context, p api.Project) (api.Project, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT user, role FROM members WHERE project = ?", p.Name)
	p.Members, err = scanRoles(rows, err)
	return p, err
}

func (s *Store) Projects(ctx context.Context, e controller.Eyes, page controller.Page) ([]api.Project, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+projectColumns+" FROM projects p WHERE p.name > ? AND "+seen+" ORDER BY p.name LIMIT ?",
		page.After, e.All, e.User, page.Limit)
	list, err := all(rows, err, scanProject)
	for i := range list {
		if err == nil {
			list[i], err = s.withMembers(ctx, list[i])
		}
	}
	return list, err
}

func (s *Store) UpdateProject(ctx context.Context, name string, c api.UpdateProject) (api.Project, error) {
	access, set := c.ShellAccess.Change()
	row := s.w.QueryRowContext(ctx, "UPDATE projects SET shell_access = iif(?, ?, shell_access) WHERE name = ? RETURNING name, shell_access, created_at",
		set, access, name)
	p, err := scanProject(row)
	if err != nil {
		return p, known(err)
	}
	return s.withMembers(ctx, p)
}

func (s *Store) DeleteProject(ctx context.Context, name string) error {
	err := s.execOne(ctx, "DELETE FROM projects WHERE name = ? AND NOT EXISTS (SELECT 1 FROM containers WHERE project = ?)", name, name)
	if err != controller.ErrNotFound {
		return err
	}
	if _, err := s.Project(ctx, controller.Eyes{All: true}, name); err != nil {
		return err
	}
	return controller.ErrInUse
}

const setMember = "INSERT INTO members (project, user, role) VALUES (?, ?, ?) ON CONFLICT (project, user) DO UPDATE SET role = excluded.role"

func (s *Store) SetMember(ctx context.Context, project, user string, r api.Role) error {
	_, err := s.exec(ctx, setMember, project, user, r)
	return err
}

func (s *Store) RemoveMember(ctx context.Context, project, user string) error {
	return s.execOne(ctx, "DELETE FROM members WHERE project = ? AND user = ?", project, user)
}
