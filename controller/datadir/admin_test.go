// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/proof"
)

// newToken asks for a token and returns it with the user whose it is said to be.
func newToken(t *testing.T, path string) (secret, user string) {
	t.Helper()
	user, err := NewAdminToken(t.Context(), path, func(s string) error { secret = s; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return secret, user
}

func TestANewAdminTokenIsGood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	mustOpen(t, path).Close()
	secret, user := newToken(t, path)
	_, u, err := mustOpen(t, path).Store.TokenByDigest(t.Context(), proof.TokenDigest(secret))
	if err != nil || user != FirstUser || u.Name != FirstUser || !u.Admin || u.Disabled {
		t.Errorf("the token of %q is of %+v, %v", user, u, err)
	}
}

func TestANewAdminTokenIsOfAnAdminWhoIsEnabled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	d := mustOpen(t, path)
	yes := true
	if err := errors.Join(
		d.Store.CreateUser(t.Context(), api.User{Name: "aaron", CreatedAt: time.Now()}),
		d.Store.CreateUser(t.Context(), api.User{Name: "zoe", Admin: true, CreatedAt: time.Now()}),
	); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Store.UpdateUser(t.Context(), FirstUser, api.UpdateUser{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if _, user := newToken(t, path); user != "zoe" {
		t.Errorf("the token is of %q", user)
	}
	if u, err := mustOpen(t, path).Store.User(t.Context(), FirstUser); err != nil || !u.Disabled {
		t.Errorf("%s is %+v, %v: nobody asked to enable her", FirstUser, u, err)
	}
}

func TestWhereNoAdminIsLeftTheFirstOneIsAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	mustOpen(t, path).Close()
	db, err := sql.Open("sqlite", filepath.Join(path, DatabaseFile)) // the store itself would refuse
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("UPDATE users SET disabled = 1, admin = 0"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	secret, _ := newToken(t, path)
	_, u, err := mustOpen(t, path).Store.TokenByDigest(t.Context(), proof.TokenDigest(secret))
	if err != nil || u.Name != FirstUser || !u.Admin || u.Disabled {
		t.Errorf("the token is of %+v, %v", u, err)
	}
}

func TestATokenThatCouldNotBeKeptIsNotGood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	mustOpen(t, path).Close()
	full, secret := errors.New("no space left"), ""
	if _, err := NewAdminToken(t.Context(), path, func(s string) error { secret = s; return full }); !errors.Is(err, full) {
		t.Errorf("NewAdminToken returned %v", err)
	}
	if _, _, err := mustOpen(t, path).Store.TokenByDigest(t.Context(), proof.TokenDigest(secret)); err == nil {
		t.Error("the token is good")
	}
}

func TestAnAdminTokenIsMadeOnlyInADataDirectoryThatNobodyUses(t *testing.T) {
	never := func(string) error { t.Error("a token was made"); return context.Canceled }
	path := filepath.Join(t.TempDir(), "data")
	if _, err := NewAdminToken(t.Context(), path, never); err == nil || !strings.Contains(err.Error(), "not the data directory") {
		t.Errorf("in a directory that is not there: %v", err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the directory was made")
	}
	mustOpen(t, path)
	if _, err := NewAdminToken(t.Context(), path, never); err == nil || !strings.Contains(err.Error(), "stop the controller first") {
		t.Errorf("while a controller runs: %v", err)
	}
}
