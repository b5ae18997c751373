// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"switchyard/api"
	"switchyard/proof"
)

// caller is who makes a request: a user by her token, or a container's runner by its key.
type caller struct {
	user   api.User
	token  api.Token
	runner api.ContainerID // "": not a runner
}

func (who caller) eyes() Eyes { return Eyes{User: who.user.Name, All: who.user.Admin} }

func (who caller) String() string {
	switch {
	case who.runner != "":
		return "runner " + string(who.runner)
	case who.user.Name != "":
		return who.user.Name
	}
	return "-"
}

// maxAuthorization bounds the Authorization header; ours are shorter.
const maxAuthorization = 512

// admit authenticates the caller and checks that the route is for such a caller.
func (c *Controller) admit(x *call) error {
	if x.route.access == anybody {
		return nil
	}
	if err := c.authenticate(x); err != nil {
		return err
	}
	isRunner := x.caller.runner != ""
	switch {
	case x.route.access == admins && !x.caller.user.Admin:
		return forbidden("only an admin may do this")
	case x.route.access == runners && !isRunner:
		return forbidden("only the container's own runner may do this, with its container key")
	case isRunner && x.route.access != runners && x.route.access != usersRunners:
		return forbidden("a container key is not for this: use a user's token")
	case isRunner && x.params["ref"] != string(x.caller.runner):
		return forbidden("a container key is for its own container only: name it by its id")
	}
	return nil
}

// authenticate finds out who the caller is.
func (c *Controller) authenticate(x *call) error {
	values := x.r.Header.Values("Authorization")
	if len(values) > 1 {
		return badRequest("the request has %d Authorization headers, need one", len(values))
	}
	if len(values) == 0 || values[0] == "" {
		return unauthorized(api.CodeTokenMissing, "A token is needed", "the request has no token: run \"switchyard login\"")
	}
	header := values[0]
	if len(header) > maxAuthorization {
		return badRequest("the Authorization header has %d bytes: %d is the most", len(header), maxAuthorization)
	}
	scheme, credentials, _ := strings.Cut(header, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"): // RFC 9110 section 11.1: case does not matter
		return c.authenticateUser(x, strings.TrimSpace(credentials))
	case scheme == proof.Scheme:
		return c.authenticateRunner(x, header)
	}
	return unauthorized(api.CodeTokenInvalid, "The token is not right", "the Authorization header is neither a Bearer token nor a container key's signature")
}

// authenticateUser finds a token's user. The token is looked up by its digest, so that the time it takes
// tells nothing about a token, and which of them it is that is wrong is told only to who holds it.
func (c *Controller) authenticateUser(x *call, token string) error {
	t, u, err := c.store.TokenByDigest(x.r.Context(), proof.TokenDigest(token))
	now := time.Now()
	switch {
	case errors.Is(err, ErrNotFound):
		return unauthorized(api.CodeTokenInvalid, "The token is not right", "the token is not one of this controller's: run \"switchyard login\" with one that is")
	case err != nil:
		return fmt.Errorf("looking up a token: %v", err)
	case t.RevokedAt != nil:
		return unauthorized(api.CodeTokenRevoked, "The token has been revoked", "the token was revoked at %s: run \"switchyard login\" with another one", shortTime(*t.RevokedAt))
	case t.ExpiresAt != nil && !now.Before(*t.ExpiresAt):
		return unauthorized(api.CodeTokenExpired, "The token has expired", "the token expired at %s: run \"switchyard login\" with another one", shortTime(*t.ExpiresAt))
	case u.Disabled:
		return unauthorized(api.CodeUserDisabled, "The user is disabled", "the user %q is disabled: an admin can enable it", u.Name)
	}
	x.caller = caller{user: u, token: t}
	c.touch(x, t, now)
	return nil
}

func shortTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// touch notes that a token has been used, once a minute at most: a write for each request would be
// most of what the request costs.
func (c *Controller) touch(x *call, t api.Token, now time.Time) {
	minute := now.UTC().Truncate(time.Minute)
	if t.LastUsedAt != nil && !t.LastUsedAt.Before(minute) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), touchTimeout)
	defer cancel()
	if err := c.store.TouchToken(ctx, t.ID, minute); err != nil {
		x.log.WithError(err).WithField("token", t.ID).Warn("could not note that a token was used")
	}
}

// touchTimeout bounds a write that nothing depends on.
const touchTimeout = 2 * time.Second

// authenticateRunner checks a container key's signature. The key derives from the id in it, whether
// there is such a container or not, so the check tells nothing about that.
func (c *Controller) authenticateRunner(x *call, header string) error {
	s, err := proof.ParseSignature(header)
	if err != nil {
		return badSignature(err)
	}
	body, err := x.body()
	if err != nil {
		return err
	}
	key := c.cfg.SystemToken.ContainerKey(s.ContainerID)
	if err := s.Verify(key, x.r.Method, x.r.URL.RequestURI(), time.Now(), body); err != nil {
		return badSignature(err)
	}
	x.caller = caller{runner: api.ContainerID(s.ContainerID)}
	return nil
}

func badSignature(err error) *api.Problem {
	if errors.Is(err, proof.ErrMismatch) {
		return unauthorized(api.CodeSignature, "The signature is not right", "the signature is not one of this container's key: give the runner the key of the container that it serves")
	}
	return unauthorized(api.CodeSignature, "The signature is not right", "%v", err)
}

// isSSH tells whether the route is the switchyard's.
func (rt *route) isSSH() bool {
	return rt.method == http.MethodPost && strings.HasSuffix(rt.pattern, "/ssh")
}
