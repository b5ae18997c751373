// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"switchyard/api"
)

func (c *Controller) listSessions(x *call) error {
	q, err := x.queries(api.QueryLimit, api.QueryAfter, api.QueryProject, api.QueryUser, api.QueryState)
	if err != nil {
		return err
	}
	p, err := page(q)
	if err != nil {
		return err
	}
	f, err := sessionFilter(q)
	if err != nil {
		return err
	}
	list, err := c.store.Sessions(x.r.Context(), x.caller.eyes(), f, p.oneMore())
	if err != nil {
		return err
	}
	for i := range list {
		list[i] = c.counted(list[i])
	}
	return x.reply(http.StatusOK, listOf(p, list, func(s api.Session) string { return string(s.ID) }))
}

func sessionFilter(q url.Values) (f SessionFilter, err error) {
	if f.Project, err = query(q, api.QueryProject); err != nil {
		return f, err
	}
	if f.User, err = query(q, api.QueryUser); err != nil {
		return f, err
	}
	state, err := query(q, api.QueryState)
	f.State = api.SessionState(state)
	states := []api.SessionState{api.SessionsLive, api.SessionsEnded, api.SessionsAll}
	if err == nil && state != "" && !slices.Contains(states, f.State) {
		err = badRequest("the state %.40q is none of %q", state, states)
	}
	return f, err
}

// counted fills in what a live session has moved so far, which is recorded at its end.
func (c *Controller) counted(s api.Session) api.Session {
	if in, out, live := c.registry.bytesOf(s.ID); live {
		s.BytesIn, s.BytesOut = in, out
	}
	return s
}

func (c *Controller) session(x *call) (api.Session, error) {
	id := x.params["session"]
	s, err := c.store.Session(x.r.Context(), x.caller.eyes(), api.SessionID(id))
	if errors.Is(err, ErrNotFound) {
		return s, notFound("there is no session with the id %.80q that you may see", id)
	}
	return s, err
}

func (c *Controller) getSession(x *call) error {
	s, err := c.session(x)
	if err != nil {
		return err
	}
	return x.reply(http.StatusOK, c.counted(s))
}

// closeSession closes a session that the caller may see and returns when it is closed. One that has
// ended is closed already.
func (c *Controller) closeSession(x *call) error {
	s, err := c.session(x)
	if err != nil {
		return err
	}
	closed := c.registry.closeWhere(errClosed, func(have *session) bool { return have.ID == s.ID })
	if err := waitFor(x.r.Context(), closed); err != nil {
		return err
	}
	return x.done()
}

// waitFor returns when the sessions have left the registry.
func waitFor(ctx context.Context, list []*session) error {
	for _, s := range list {
		select {
		case <-s.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
