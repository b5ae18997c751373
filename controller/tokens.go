// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"switchyard/api"
	"switchyard/proof"
)

// tokenBytes is how much of a token is random.
const tokenBytes = 32

// maxTokenLife bounds what a token's life may be set to, in seconds: a hundred years.
const maxTokenLife = 100 * 365 * 24 * 60 * 60

// NewToken makes a token for a user. The secret is to be shown once; the record holds its digest.
func NewToken(user, note string, at time.Time) (secret string, t TokenRecord) {
	var b [tokenBytes]byte
	rand.Read(b[:]) // crypto/rand.Read never returns an error
	secret = api.TokenPrefix + hex.EncodeToString(b[:])
	return secret, TokenRecord{
		Token:  api.Token{ID: api.TokenID(newID()), User: user, Note: note, CreatedAt: at.UTC().Truncate(time.Microsecond)},
		Digest: proof.TokenDigest(secret),
	}
}

// listTokens lists the caller's tokens, or for an admin those of the user that the query names.
func (c *Controller) listTokens(x *call) error {
	q, err := x.queries(api.QueryLimit, api.QueryAfter, api.QueryUser)
	if err != nil {
		return err
	}
	p, err := page(q)
	if err != nil {
		return err
	}
	user, err := query(q, api.QueryUser)
	if err != nil {
		return err
	}
	if user, err = c.whose(x, user, "list the tokens of"); err != nil {
		return err
	}
	tokens, err := c.store.Tokens(x.r.Context(), user, p.oneMore())
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, listOf(p, tokens, func(t api.Token) string { return string(t.ID) }))
}

// whose is the user meant: the caller herself unless an admin names another.
func (c *Controller) whose(x *call, user, verb string) (string, error) {
	switch {
	case user == "" || user == x.caller.user.Name:
		return x.caller.user.Name, nil
	case !x.caller.user.Admin:
		return "", forbidden("only an admin may %s other users", verb)
	}
	return user, nil
}

func (c *Controller) createToken(x *call) error {
	var req api.CreateToken
	if err := x.decode(&req); err != nil {
		return err
	}
	user, err := c.whose(x, req.User, "make tokens for")
	if err != nil {
		return err
	}
	if err := checkText("note", req.Note, maxNote); err != nil {
		return badRequest("%v", err)
	}
	secret, t := NewToken(user, req.Note, time.Now())
	if t.ExpiresAt, err = expiry(x.caller, user, t.CreatedAt, req.ExpiresSeconds); err != nil {
		return err
	}
	switch err := c.store.CreateToken(x.r.Context(), t); {
	case errors.Is(err, ErrNotFound):
		return noUser(user)
	case err != nil:
		return err
	}
	return x.reply(http.StatusCreated, api.CreatedToken{Token: t.Token, Secret: secret})
}

// expiry is when a new token is to expire. A token does not outlive the one it was made with: else who
// found a token an hour before its end would have it for good.
func expiry(who caller, user string, from time.Time, seconds int64) (*time.Time, error) {
	if seconds < 0 || seconds > maxTokenLife {
		return nil, badRequest("expires_seconds %d is not from 0, which is never, to %d", seconds, maxTokenLife)
	}
	var at *time.Time
	if seconds > 0 {
		t := from.Add(time.Duration(seconds) * time.Second)
		at = &t
	}
	if limit := who.token.ExpiresAt; limit != nil && user == who.user.Name && (at == nil || at.After(*limit)) {
		return nil, forbidden("your token expires at %s, and one made with it must not live longer: set expires_seconds to %d at most",
			shortTime(*limit), int64(limit.Sub(from).Seconds()))
	}
	return at, nil
}

// token finds a token that the caller may manage. Another user's looks as if there were none.
func (c *Controller) token(x *call) (api.Token, error) {
	id := x.params["token"]
	t, err := c.store.Token(x.r.Context(), api.TokenID(id))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return t, err
	}
	if err != nil || t.User != x.caller.user.Name && !x.caller.user.Admin {
		return t, notFound("there is no token with the id %.80q that you may see", id)
	}
	return t, nil
}

func (c *Controller) getToken(x *call) error {
	t, err := c.token(x)
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, t)
}

// revokeToken revokes a token and closes the sessions that it opened: it may be in the wrong hands.
func (c *Controller) revokeToken(x *call) error {
	t, err := c.token(x)
	if err != nil {
		return err
	}
	if err := c.store.RevokeToken(x.r.Context(), t.ID, now()); err != nil {
		return err
	}
	c.registry.closeWhere(errRefused, func(s *session) bool { return s.token == t.ID })
	return x.done()
}
