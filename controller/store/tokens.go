// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"time"

	"switchyard/api"
	"switchyard/controller"
	"switchyard/proof"
)

const tokenColumns = "t.id, t.user, t.note, t.created_at, t.expires_at, t.revoked_at, t.last_used_at"

func tokenDest(t *api.Token) []any {
	return []any{&t.ID, &t.User, &t.Note, timeIn{&t.CreatedAt}, nullTimeIn{&t.ExpiresAt}, nullTimeIn{&t.RevokedAt}, nullTimeIn{&t.LastUsedAt}}
}

func scanToken(r scanner) (t api.Token, err error) {
	return t, r.Scan(tokenDest(&t)...)
}

const insertToken = "INSERT INTO tokens (id, digest, handle, user, note, created_at, expires_at, revoked_at, last_used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

func tokenValues(t controller.TokenRecord) []any {
	return []any{t.ID, t.Digest[:], proof.TokenHandle(t.Digest), t.User, t.Note,
		micros(t.CreatedAt), nullMicros(t.ExpiresAt), nullMicros(t.RevokedAt), nullMicros(t.LastUsedAt)}
}

func (s *Store) CreateToken(ctx context.Context, t controller.TokenRecord) error {
	_, err := s.exec(ctx, insertToken, tokenValues(t)...)
	return err
}

func (s *Store) TokenByDigest(ctx context.Context, digest [proof.Size]byte) (t api.Token, u api.User, err error) {
	row := s.r.QueryRowContext(ctx, "SELECT "+tokenColumns+", "+userColumns+" FROM tokens t JOIN users u ON u.name = t.user WHERE t.digest = ?", digest[:])
	err = row.Scan(append(tokenDest(&t), userDest(&u)...)...)
	return t, u, known(err)
}

func (s *Store) DigestByHandle(ctx context.Context, handle string) (digest [proof.Size]byte, err error) {
	var b []byte
	err = s.r.QueryRowContext(ctx, "SELECT digest FROM tokens WHERE handle = ? ORDER BY id LIMIT 1", handle).Scan(&b)
	copy(digest[:], b)
	return digest, known(err)
}

func (s *Store) Token(ctx context.Context, id api.TokenID) (api.Token, error) {
	t, err := scanToken(s.r.QueryRowContext(ctx, "SELECT "+tokenColumns+" FROM tokens t WHERE t.id = ?", id))
	return t, known(err)
}

func (s *Store) Tokens(ctx context.Context, user string, p controller.Page) ([]api.Token, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+tokenColumns+" FROM tokens t WHERE (? = '' OR t.user = ?) AND (? = '' OR t.id < ?) ORDER BY t.id DESC LIMIT ?",
		user, user, p.After, p.After, p.Limit)
	return all(rows, err, scanToken)
}

func (s *Store) RevokeToken(ctx context.Context, id api.TokenID, at time.Time) error {
	return s.execOne(ctx, "UPDATE tokens SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", micros(at), id)
}

func (s *Store) TouchToken(ctx context.Context, id api.TokenID, at time.Time) error {
	return s.execOne(ctx, "UPDATE tokens SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?", micros(at), id)
}
