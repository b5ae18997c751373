// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"fmt"
	"time"
)

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// micros is how a time is stored.
func micros(t time.Time) int64 { return t.UnixMicro() }

// nullMicros is micros of a time that may not be set.
func nullMicros(t *time.Time) any {
	if t == nil {
		return nil
	}
	return micros(*t)
}

// timeIn scans a stored time into t.
type timeIn struct{ t *time.Time }

func (d timeIn) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", src)
	}
	*d.t = time.UnixMicro(n).UTC()
	return nil
}

// nullTimeIn scans a stored time that may not be set.
type nullTimeIn struct{ t **time.Time }

func (d nullTimeIn) Scan(src any) error {
	if src == nil {
		*d.t = nil
		return nil
	}
	*d.t = new(time.Time)
	return timeIn{*d.t}.Scan(src)
}

// labelsIn scans labels; none are nil.
type labelsIn struct{ m *map[string]string }

func (d labelsIn) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("labels are stored as %T", src)
	}
	var m map[string]string
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		return fmt.Errorf("labels are stored as %.80q: %v", s, err)
	}
	*d.m = nil
	if len(m) > 0 {
		*d.m = m
	}
	return nil
}

func labelsOut(m map[string]string) (string, error) {
	if m == nil {
		return "{}", nil
	}
	b, err := json.Marshal(m)
	return string(b), err
}

// all collects the rows of a query.
func all[T any](rows rows, err error, scan func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// rows is the part of *sql.Rows that all needs.
type rows interface {
	scanner
	Next() bool
	Err() error
	Close() error
}
