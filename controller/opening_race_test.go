// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"sync"
	"testing"

	"switchyard/api"
	"switchyard/controller"
)

// pausedStore is a store that does something else the moment that a request has been authorised: the
// switch is the last that is asked.
type pausedStore struct {
	controller.Store
	mu   sync.Mutex
	then func() // done once; nil: nothing
}

func (s *pausedStore) Setting(ctx context.Context, name string) (string, error) {
	v, err := s.Store.Setting(ctx, name)
	s.mu.Lock()
	then := s.then
	s.then = nil
	s.mu.Unlock()
	if then != nil {
		then()
	}
	return v, err
}

// TestRightThatIsLostWhileTheSessionIsOpenedOpensNone takes the right away when the request has been authorised
// and its session is not in the registry yet, so that whoever closes sessions cannot find it there.
func TestRightThatIsLostWhileTheSessionIsOpenedOpensNone(t *testing.T) {
	yes := true
	for name, c := range map[string]struct {
		lose   func(w *world, token string, c api.CreatedContainer)
		status int
		code   api.Code
	}{
		"the token is revoked": {func(w *world, token string, _ api.CreatedContainer) {
			id := must[api.Whoami](w, 200, "GET", api.PathWhoami, token, nil).TokenID
			must[none](w, 204, "DELETE", api.PathToken(id), w.admin, nil)
		}, 401, api.CodeTokenRevoked},
		"the user is disabled": {func(w *world, _ string, _ api.CreatedContainer) {
			must[api.User](w, 200, "PATCH", api.PathUser("member"), w.admin, api.UpdateUser{Disabled: &yes})
		}, 401, api.CodeUserDisabled},
		"the switch is turned off": {func(w *world, _ string, _ api.CreatedContainer) {
			must[api.Settings](w, 200, "PATCH", api.PathSettings, w.admin, api.UpdateSettings{ShellAccess: api.ShellDisabled, CloseSessions: true})
		}, 403, api.CodeShellOff},
		"the member is removed": {func(w *world, _ string, _ api.CreatedContainer) {
			must[none](w, 204, "DELETE", api.PathMember("shop", "member"), w.admin, nil)
		}, 404, api.CodeNotFound},
		"the container is ended": {func(w *world, _ string, c api.CreatedContainer) {
			must[api.Container](w, 200, "POST", api.PathContainerEnd(api.Ref(c.ID)), w.admin, api.EndContainer{})
		}, 410, api.CodeEnded},
	} {
		t.Run(name, func(t *testing.T) {
			store := &pausedStore{}
			w := newWorld(t, func(cfg *controller.Config) { store.Store, cfg.Store = cfg.Store, store })
			member := w.user("member")
			w.project("shop", map[string]api.Role{"member": api.Member})
			record, _ := w.running("shop", "web", nil)
			store.mu.Lock()
			store.then = func() { c.lose(w, member, record) }
			store.mu.Unlock()
			w.turnedAway(c.status, c.code, member, "web")
			w.untouched(record)
		})
	}
}

// TestNameThatComesToMeanAnotherContainerOpensNone: the session has been registered as one of the first.
func TestNameThatComesToMeanAnotherContainerOpensNone(t *testing.T) {
	store := &pausedStore{}
	w := newWorld(t, func(cfg *controller.Config) { store.Store, cfg.Store = cfg.Store, store })
	member := w.user("member")
	w.project("shop", map[string]api.Role{"member": api.Member})
	w.project("mine", nil)
	first, _ := w.running("shop", "web", nil)
	second, _ := w.running("mine", "web", nil)
	store.mu.Lock()
	store.then = func() {
		must[none](w, 204, "DELETE", api.PathMember("shop", "member"), w.admin, nil)
		must[none](w, 204, "PUT", api.PathMember("mine", "member"), w.admin, api.SetMember{Role: api.Member})
	}
	store.mu.Unlock()
	w.turnedAway(409, api.CodeConflict, member, "web")
	w.untouched(first)
	w.untouched(second)
}
