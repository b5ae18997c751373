// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"switchyard/api"
	"switchyard/controller"
)

const containerNames = "id, name, project, owner, labels, docker_id, node, state, exit_code, exec, exec_reason, runner_address, host_key, " +
	"shell_access, reusable, opened_at, last_opened_at, created_at, started_at, ended_at"

// containerColumns is containerNames of the table c.
var containerColumns = "c." + strings.ReplaceAll(containerNames, ", ", ", c.")

func containerDest(c *api.Container) []any {
	return []any{&c.ID, &c.Name, &c.Project, &c.Owner, labelsIn{&c.Labels}, &c.DockerID, &c.Node, &c.State, &c.ExitCode, &c.Exec, &c.ExecReason,
		&c.RunnerAddress, &c.HostKey, &c.ShellAccess, &c.Reusable, nullTimeIn{&c.OpenedAt}, nullTimeIn{&c.LastOpenedAt},
		timeIn{&c.CreatedAt}, nullTimeIn{&c.StartedAt}, nullTimeIn{&c.EndedAt}}
}

func scanContainer(r scanner) (c api.Container, err error) {
	return c, r.Scan(containerDest(&c)...)
}

func (s *Store) CreateContainer(ctx context.Context, c api.Container) error {
	labels, err := labelsOut(c.Labels)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, "INSERT INTO containers ("+containerNames+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		c.ID, c.Name, c.Project, c.Owner, labels, c.DockerID, c.Node, c.State, c.ExitCode, c.Exec, c.ExecReason,
		c.RunnerAddress, c.HostKey, c.ShellAccess, c.Reusable, nullMicros(c.OpenedAt), nullMicros(c.LastOpenedAt),
		micros(c.CreatedAt), nullMicros(c.StartedAt), nullMicros(c.EndedAt))
	return err
}

func (s *Store) Container(ctx context.Context, id api.ContainerID) (api.Container, error) {
	return containerByID(ctx, s.r, id)
}

// querier is a *sql.DB or *sql.Tx.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func containerByID(ctx context.Context, q querier, id api.ContainerID) (api.Container, error) {
	c, err := scanContainer(q.QueryRowContext(ctx, "SELECT "+containerColumns+" FROM containers c WHERE c.id = ?", id))
	return c, known(err)
}

// findContainers numbers, within each project, the containers that a ref may mean: a live one first
// (there is one at most), then by their end. What the eyes do not see is left out by the same query,
// so that it costs what it costs to find nothing.
const findContainers = "WITH f AS (SELECT c.*, coalesce(m.role, '') AS role, p.shell_access AS project_shell, " +
	"row_number() OVER (PARTITION BY c.project ORDER BY c.state = 'ended', c.ended_at DESC, c.id DESC) AS n " +
	"FROM containers c JOIN projects p ON p.name = c.project LEFT JOIN members m ON m.project = c.project AND m.user = ? " +
	"WHERE (? OR m.role IS NOT NULL) AND %) " +
	"SELECT " + containerNames + ", role, project_shell FROM f WHERE n = 1 ORDER BY project"

func (s *Store) FindContainers(ctx context.Context, e controller.Eyes, q controller.Query) ([]controller.Found, error) {
	where, args := "c.id = ?", []any{e.User, e.All, any(q.ID)}
	if q.ID == "" {
		where, args = "c.name = ? AND (? = '' OR c.project = ?)", []any{e.User, e.All, q.Name, q.Project, q.Project}
	}
	rows, err := s.r.QueryContext(ctx, strings.Replace(findContainers, "%", where, 1), args...)
	return all(rows, err, scanFound)
}

func scanFound(r scanner) (f controller.Found, err error) {
	return f, r.Scan(append(containerDest(&f.Container), &f.Role, &f.ProjectShell)...)
}

func (s *Store) Containers(ctx context.Context, e controller.Eyes, f controller.ContainerFilter, page controller.Page) ([]api.Container, error) {
	query := "SELECT " + containerColumns + " FROM containers c JOIN projects p ON p.name = c.project WHERE " + seen +
		" AND (? = '' OR c.project = ?) AND (? = '' OR c.name = ?) AND (? = '' OR c.id < ?)"
	args := []any{e.All, e.User, f.Project, f.Project, f.Name, f.Name, page.After, page.After}
	if len(f.States) > 0 {
		query += " AND c.state IN (?" + strings.Repeat(", ?", len(f.States)-1) + ")"
		for _, state := range f.States {
			args = append(args, state)
		}
	}
	rows, err := s.r.QueryContext(ctx, query+" ORDER BY c.id DESC LIMIT ?", append(args, page.Limit)...)
	return all(rows, err, scanContainer)
}

func (s *Store) UpdateContainer(ctx context.Context, id api.ContainerID, u api.UpdateContainer) (api.Container, error) {
	var labels any
	if u.Labels != nil {
		text, err := labelsOut(u.Labels)
		if err != nil {
			return api.Container{}, err
		}
		labels = text
	}
	access, set := u.ShellAccess.Change()
	row := s.w.QueryRowContext(ctx, "UPDATE containers SET shell_access = iif(?, ?, shell_access), labels = coalesce(?, labels) WHERE id = ? RETURNING "+containerNames,
		set, access, labels, id)
	c, err := scanContainer(row)
	return c, known(err)
}

func (s *Store) ReportRunner(ctx context.Context, id api.ContainerID, r api.ReportRunner, over string, at time.Time) (c api.Container, changed bool, err error) {
	c, err = containerByID(ctx, s.r, id)
	if err != nil || c.State == api.Running && reported(c) == r {
		return c, false, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		if c, err = containerByID(ctx, tx, id); err != nil {
			return err
		}
		if err = mayReport(c, r, over); err != nil {
			return err
		}
		row := tx.QueryRowContext(ctx, "UPDATE containers SET state = 'running', started_at = coalesce(started_at, ?), "+
			"runner_address = ?, host_key = ?, node = ?, docker_id = ?, exec = ?, exec_reason = ? WHERE id = ? RETURNING "+containerNames,
			micros(at), r.Address, r.HostKey, r.Node, r.DockerID, r.Exec, r.ExecReason, id)
		c, err = scanContainer(row)
		return known(err)
	})
	return c, err == nil, err
}

// reported is the report that the record holds.
func reported(c api.Container) api.ReportRunner {
	return api.ReportRunner{Address: c.RunnerAddress, HostKey: c.HostKey, Node: c.Node, DockerID: c.DockerID,
		Exec: c.Exec, ExecReason: c.ExecReason}
}

func mayReport(c api.Container, r api.ReportRunner, over string) error {
	switch {
	case c.State == api.Ended:
		return controller.ErrEnded
	case !strings.HasPrefix(r.DockerID, c.DockerID):
		return controller.ErrOtherID
	case c.RunnerAddress != "" && c.RunnerAddress != r.Address && c.RunnerAddress != over:
		return controller.ErrServed
	}
	return nil
}

func (s *Store) EndContainer(ctx context.Context, id api.ContainerID, exitCode *int, at time.Time) (api.Container, error) {
	row := s.w.QueryRowContext(ctx, "UPDATE containers SET state = 'ended', ended_at = coalesce(ended_at, ?), "+
		"exit_code = coalesce(exit_code, ?) WHERE id = ? RETURNING "+containerNames, micros(at), exitCode, id)
	c, err := scanContainer(row)
	return c, known(err)
}

func (s *Store) DeleteContainer(ctx context.Context, id api.ContainerID) error {
	err := s.execOne(ctx, "DELETE FROM containers WHERE id = ? AND state = 'ended'", id)
	if err != controller.ErrNotFound {
		return err
	}
	if _, err := s.Container(ctx, id); err != nil {
		return err
	}
	return controller.ErrNotEnded
}
