// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "context"

func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	err = s.r.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?", name).Scan(&value)
	return value, known(err)
}

func (s *Store) SetSetting(ctx context.Context, name, value string) error {
	_, err := s.exec(ctx, "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
	return err
}
