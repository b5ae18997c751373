// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"time"

	"switchyard/api"
	"switchyard/controller"
)

const sessionColumns = "s.id, s.user, s.container_id, s.container, s.project, s.client_address, s.started_at, s.ended_at, s.bytes_in, s.bytes_out"

func scanSession(r scanner) (s api.Session, err error) {
	return s, r.Scan(&s.ID, &s.User, &s.ContainerID, &s.Container, &s.Project, &s.ClientAddress,
		timeIn{&s.StartedAt}, nullTimeIn{&s.EndedAt}, &s.BytesIn, &s.BytesOut)
}

// stamp notes on a container that somebody is about to be inside of it.
const stamp = "UPDATE containers SET reusable = 0, opened_at = coalesce(opened_at, ?), last_opened_at = max(coalesce(last_opened_at, 0), ?) " +
	"WHERE id = ? AND state = 'running'"

func (s *Store) OpenSession(ctx context.Context, v api.Session, name string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		at := micros(v.StartedAt)
		res, err := tx.ExecContext(ctx, stamp, at, at, v.ContainerID)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return orElse(err, controller.ErrEnded)
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO sessions (id, controller, user, container_id, container, project, client_address, started_at, bytes_in, bytes_out) "+
			"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			v.ID, name, v.User, v.ContainerID, v.Container, v.Project, v.ClientAddress, at, v.BytesIn, v.BytesOut)
		return known(err)
	})
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func (s *Store) EndSession(ctx context.Context, id api.SessionID, at time.Time, in, out int64) error {
	return s.execOne(ctx, "UPDATE sessions SET ended_at = coalesce(ended_at, ?), bytes_in = ?, bytes_out = ? WHERE id = ?", micros(at), in, out, id)
}

func (s *Store) EndSessionsOf(ctx context.Context, name string, at time.Time) (int, error) {
	n, err := s.exec(ctx, "UPDATE sessions SET ended_at = ? WHERE controller = ? AND ended_at IS NULL", micros(at), name)
	return int(n), err
}

// sessionSeen is the condition that the eyes see the session s. It takes Eyes.All, and Eyes.User twice.
const sessionSeen = "(? OR s.user = ? OR EXISTS (SELECT 1 FROM members m WHERE m.project = s.project AND m.user = ? AND m.role = 'owner'))"

func (s *Store) Session(ctx context.Context, e controller.Eyes, id api.SessionID) (api.Session, error) {
	v, err := scanSession(s.r.QueryRowContext(ctx, "SELECT "+sessionColumns+" FROM sessions s WHERE s.id = ? AND "+sessionSeen, id, e.All, e.User, e.User))
	return v, known(err)
}

func (s *Store) Sessions(ctx context.Context, e controller.Eyes, f controller.SessionFilter, p controller.Page) ([]api.Session, error) {
	query := "SELECT " + sessionColumns + " FROM sessions s WHERE " + sessionSeen +
		" AND (? = '' OR s.project = ?) AND (? = '' OR s.user = ?) AND (? = '' OR s.id < ?)"
	switch f.State {
	case "", api.SessionsLive:
		query += " AND s.ended_at IS NULL"
	case api.SessionsEnded:
		query += " AND s.ended_at IS NOT NULL"
	}
	rows, err := s.r.QueryContext(ctx, query+" ORDER BY s.id DESC LIMIT ?",
		e.All, e.User, e.User, f.Project, f.Project, f.User, f.User, p.After, p.After, p.Limit)
	return all(rows, err, scanSession)
}
