// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"switchyard/api"
	"switchyard/upgrade"
)

// Reasons for which the controller itself ends a session.
var (
	errStopping = errors.New("the controller stops")
	errClosed   = errors.New("it was closed through the API")
	errRefused  = errors.New("it is not allowed any more")
)

// session is a session from before its runner is dialled until both of its connections are closed.
type session struct {
	api.Session
	token api.TokenID // that opened it

	ctx    context.Context // of the opening; done when the session is to be closed
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when it is out of the registry

	// Guarded by registry.mu.
	open   bool           // its runner has proved itself; it counts from then on
	joint  *upgrade.Joint // nil until the client's connection has been taken over
	reason error          // why the controller closes it
}

// registry owns every session. Its lock guards all of its state and is held over nothing that waits.
type registry struct {
	max, maxPerUser int

	mu       sync.Mutex
	draining bool // no session is taken any more
	sessions map[api.SessionID]*session
	perUser  map[string]int
	live     map[api.ContainerID]int // of those that are open
	in, out  int64                   // bytes of those that have ended
	opened   int64
	idle     chan struct{} // closed when draining and empty
}

func newRegistry(limit, perUser int) *registry {
	return &registry{
		max: limit, maxPerUser: perUser,
		sessions: map[api.SessionID]*session{}, perUser: map[string]int{}, live: map[api.ContainerID]int{},
		idle: make(chan struct{}),
	}
}

const (
	// retrySoon is for what changes within seconds.
	retrySoon = 2 * time.Second
	// retryLater is for what changes when somebody ends something.
	retryLater = 10 * time.Second
)

// reserve takes a session in, unless the controller drains or a limit is reached. ctx is of the request
// that opens it. The caller calls remove, whatever happens.
func (g *registry) reserve(ctx context.Context, v api.Session, token api.TokenID) (*session, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.refusal(v.User); p != nil {
		return nil, p
	}
	s := &session{Session: v, token: token, done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	g.sessions[v.ID] = s
	g.perUser[v.User]++
	return s, nil
}

// refusal tells why no session of this user can be taken now. It is called with the lock held.
func (g *registry) refusal(user string) *api.Problem {
	switch {
	case g.max > 0 && len(g.sessions) >= g.max:
		return tooMany("the controller has %s open, which is the most that it takes: try again when one has ended", sessionCount(g.max))
	case g.maxPerUser > 0 && g.perUser[user] >= g.maxPerUser:
		return tooMany("you have %s open, which is the most for one user: close one that \"switchyard session list\" shows, and try again", sessionCount(g.maxPerUser))
	case g.draining:
		return drainingProblem()
	}
	return nil
}

// mayReserve tells whether reserve would take a session of this user.
func (g *registry) mayReserve(user string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.refusal(user); p != nil {
		return p
	}
	return nil
}

// enter counts a session as open. It is called before the client is told, so that whoever has been told
// sees it counted. The error is why the session is to be closed instead.
func (g *registry) enter(s *session) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.reason != nil {
		return s.reason
	}
	s.open = true
	g.live[s.ContainerID]++
	g.opened++
	return nil
}

// attach gives a session its connections, which the registry closes from now on. The error is why they
// are to be closed at once.
func (g *registry) attach(s *session, j *upgrade.Joint) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.joint = j
	return s.reason
}

// remove takes a session out and returns why the controller closed it, if it did.
func (g *registry) remove(s *session) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, s.ID)
	countDown(g.perUser, s.User)
	if s.open {
		countDown(g.live, s.ContainerID)
	}
	if s.joint != nil {
		g.in += s.joint.AToB()
		g.out += s.joint.BToA()
	}
	s.cancel(nil)
	close(s.done)
	g.checkIdle()
	return s.reason
}

func countDown[K comparable](m map[K]int, k K) {
	if m[k]--; m[k] == 0 {
		delete(m, k)
	}
}

// drain stops the taking of sessions.
func (g *registry) drain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.draining {
		g.draining = true
		g.checkIdle()
	}
}

func (g *registry) isDraining() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.draining
}

// checkIdle is called with the lock held. Once draining, the last session leaves once.
func (g *registry) checkIdle() {
	if g.draining && len(g.sessions) == 0 {
		close(g.idle)
	}
}

// closed is closed when no session is taken any more and none is left.
func (g *registry) closed() <-chan struct{} { return g.idle }

// closeWhere closes the sessions that the condition names and returns them. It does not wait: who needs
// to know waits for their done.
func (g *registry) closeWhere(reason error, which func(*session) bool) []*session {
	g.mu.Lock()
	defer g.mu.Unlock()
	var chosen []*session
	for _, s := range g.sessions {
		if which(s) {
			chosen = append(chosen, s)
			s.close(reason)
		}
	}
	return chosen
}

func (g *registry) closeAll(reason error) {
	g.closeWhere(reason, func(*session) bool { return true })
}

// close is called with the registry's lock held.
func (s *session) close(reason error) {
	if s.reason != nil {
		return
	}
	s.reason = reason
	s.cancel(reason)
	if s.joint != nil {
		// Closing TLS sends a last record, for which a peer that does not read may make it wait seconds.
		// It ends by itself then, and with it the session's Run.
		go s.joint.Close()
	}
}

// snapshot returns the sessions there are now.
func (g *registry) snapshot() []*session {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*session, 0, len(g.sessions))
	for _, s := range g.sessions {
		all = append(all, s)
	}
	return all
}

// liveIn is the number of sessions open in a container.
func (g *registry) liveIn(id api.ContainerID) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.live[id]
}

// bytesOf returns what a live session has moved so far.
func (g *registry) bytesOf(id api.SessionID) (in, out int64, live bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.sessions[id]
	if !ok || s.joint == nil {
		return 0, 0, false
	}
	return s.joint.AToB(), s.joint.BToA(), true
}

// totals are counts since the start.
type totals struct{ live, opened, in, out int64 }

func (g *registry) totals() totals {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := totals{opened: g.opened, in: g.in, out: g.out}
	for _, s := range g.sessions {
		if s.open {
			t.live++
		}
		if s.joint != nil {
			t.in += s.joint.AToB()
			t.out += s.joint.BToA()
		}
	}
	return t
}

// sessionCount is a number of sessions as a sentence has it.
func sessionCount(n int) string {
	if n == 1 {
		return "1 session"
	}
	return fmt.Sprintf("%d sessions", n)
}

func tooMany(format string, args ...any) *api.Problem {
	p := api.NewProblem(http.StatusTooManyRequests, api.CodeTooMany, "There are too many sessions", format, args...)
	p.RetryAfter = retryLater
	return p
}

func drainingProblem() *api.Problem {
	p := api.NewProblem(http.StatusServiceUnavailable, api.CodeDraining, "The controller is stopping",
		"the controller is stopping and opens no session: try again")
	p.RetryAfter = retryLater
	return p
}
