// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/controller"
	"switchyard/test/leaks"
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }

func openIn(t *testing.T, file string) *Store {
	t.Helper()
	s, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// newStore is a store with two users and two projects: alice owns shop, bob owns barn.
func newStore(t *testing.T) *Store {
	t.Helper()
	s := openIn(t, filepath.Join(t.TempDir(), "db"))
	for user, project := range map[string]string{"alice": "shop", "bob": "barn"} {
		if err := s.CreateUser(t.Context(), api.User{Name: user, CreatedAt: at(0)}); err != nil {
			t.Fatal(err)
		}
		p := api.Project{Name: project, CreatedAt: at(0), Members: map[string]api.Role{user: api.Owner}}
		if err := s.CreateProject(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// at is a time that the store keeps as it is.
func at(second int64) time.Time { return time.Unix(1_800_000_000+second, 123_456_000).UTC() }

func container(id, name, project string) api.Container {
	return api.Container{ID: api.ContainerID(id), Name: name, Project: project, Owner: "alice", State: api.Queued, Reusable: true, CreatedAt: at(1)}
}

func (s *Store) mustCreate(t *testing.T, c api.Container) {
	t.Helper()
	if err := s.CreateContainer(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func TestContainerComesBackAsItWas(t *testing.T) {
	s := newStore(t)
	code, yes, opened, last, started, ended := -7, true, at(2), at(3), at(4), at(5)
	full := api.Container{
		ID: "i", Name: "n", Project: "shop", Owner: "alice", Labels: map[string]string{"a": "\x00\"'"}, DockerID: "abc", Node: "é",
		State: api.Ended, ExitCode: &code, Exec: "docker", ExecReason: "why", RunnerAddress: "h:1", HostKey: "k", ShellAccess: &yes,
		OpenedAt: &opened, LastOpenedAt: &last, CreatedAt: at(1), StartedAt: &started, EndedAt: &ended,
	}
	for _, c := range []api.Container{full, container("j", "n", "shop")} {
		s.mustCreate(t, c)
		got, err := s.Container(t.Context(), c.ID)
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("got %+v, %v; want %+v", got, err, c)
		}
	}
}

func TestLiveNameIsUniqueInItsProject(t *testing.T) {
	s := newStore(t)
	s.mustCreate(t, container("1", "web", "shop"))
	s.mustCreate(t, container("2", "web", "barn"))
	if err := s.CreateContainer(t.Context(), container("3", "web", "shop")); err != controller.ErrExists {
		t.Errorf("a second live one: %v", err)
	}
	if _, err := s.EndContainer(t.Context(), "1", nil, at(9)); err != nil {
		t.Fatal(err)
	}
	s.mustCreate(t, container("3", "web", "shop"))
	if err := s.CreateContainer(t.Context(), container("4", "x", "nowhere")); err != controller.ErrNotFound {
		t.Errorf("a project that is not there: %v", err)
	}
}

func TestLiveNameIsTakenByOneOfManyAtOnce(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	won := make(chan int, 20)
	for i := range cap(won) {
		wg.Go(func() {
			switch err := s.CreateContainer(t.Context(), container(fmt.Sprint(i), "web", "shop")); err {
			case nil:
				won <- i
			case controller.ErrExists:
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d made it", len(won))
	}
}

func TestFindSeesWhatTheEyesSee(t *testing.T) {
	s := newStore(t)
	s.mustCreate(t, container("1", "web", "shop"))
	s.mustCreate(t, container("2", "web", "barn"))
	if _, err := s.EndContainer(t.Context(), "1", nil, at(5)); err != nil {
		t.Fatal(err)
	}
	s.mustCreate(t, container("3", "web", "shop"))
	for _, c := range []struct {
		eyes controller.Eyes
		q    controller.Query
		want string
	}{
		{controller.Eyes{User: "alice"}, controller.Query{Name: "web"}, "3:owner"},
		{controller.Eyes{User: "bob"}, controller.Query{Name: "web"}, "2:owner"},
		{controller.Eyes{User: "bob", All: true}, controller.Query{Name: "web"}, "2:owner 3:"},
		{controller.Eyes{User: "alice"}, controller.Query{Name: "web", Project: "barn"}, ""},
		{controller.Eyes{User: "bob"}, controller.Query{ID: "1"}, ""},
		{controller.Eyes{User: "alice"}, controller.Query{ID: "1"}, "1:owner"},
		{controller.Eyes{User: "carol"}, controller.Query{Name: "web"}, ""},
		{controller.Eyes{All: true}, controller.Query{Name: "nothing"}, ""},
	} {
		list, err := s.FindContainers(t.Context(), c.eyes, c.q)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range list {
			got = append(got, string(f.ID)+":"+string(f.Role))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v %+v: %q, want %q", c.eyes, c.q, got, c.want)
		}
	}
}

func TestSessionStampsARunningContainerOnly(t *testing.T) {
	s := newStore(t)
	s.mustCreate(t, container("1", "web", "shop"))
	open := func(id string, second int64) error {
		return s.OpenSession(t.Context(), api.Session{ID: api.SessionID(id), ContainerID: "1", User: "alice", StartedAt: at(second)}, "c")
	}
	if err := open("a", 1); err != controller.ErrEnded {
		t.Errorf("queued: %v", err)
	}
	if _, _, err := s.ReportRunner(t.Context(), "1", api.ReportRunner{Address: "h:1"}, "", at(2)); err != nil {
		t.Fatal(err)
	}
	for _, second := range []int64{4, 3} { // their clocks need not agree
		if err := open(fmt.Sprint(second), second); err != nil {
			t.Fatal(err)
		}
	}
	c, err := s.Container(t.Context(), "1")
	if err != nil || c.Reusable || !c.OpenedAt.Equal(at(4)) || !c.LastOpenedAt.Equal(at(4)) {
		t.Errorf("the record is %+v, %v", c, err)
	}
	if _, err := s.EndContainer(t.Context(), "1", nil, at(5)); err != nil {
		t.Fatal(err)
	}
	if err := open("b", 6); err != controller.ErrEnded {
		t.Errorf("ended: %v", err)
	}
	if list, err := s.Sessions(t.Context(), controller.Eyes{All: true}, controller.SessionFilter{State: api.SessionsAll}, controller.Page{Limit: 10}); err != nil || len(list) != 2 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
}

func TestSessionsOfAnotherControllerStayOpen(t *testing.T) {
	s := newStore(t)
	s.mustCreate(t, container("1", "web", "shop"))
	if _, _, err := s.ReportRunner(t.Context(), "1", api.ReportRunner{Address: "h:1"}, "", at(2)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		v := api.Session{ID: api.SessionID(name), ContainerID: "1", User: "alice", StartedAt: at(3)}
		if err := s.OpenSession(t.Context(), v, name); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.EndSessionsOf(t.Context(), "one", at(4)); n != 1 || err != nil {
		t.Errorf("ended %d, %v", n, err)
	}
	list, err := s.Sessions(t.Context(), controller.Eyes{All: true}, controller.SessionFilter{}, controller.Page{Limit: 10})
	if err != nil || len(list) != 1 || list[0].ID != "two" {
		t.Errorf("live are %+v, %v", list, err)
	}
}

func TestRunnerOfAnotherDockerContainerIsRefused(t *testing.T) {
	for _, c := range []struct {
		registered, reported string
		err                  error
	}{
		{"", "", nil}, {"", "abc", nil}, {"abc", "abc", nil}, {"abc", "abcdef", nil},
		{"abc", "", controller.ErrOtherID}, {"abc", "ab", controller.ErrOtherID}, {"abc", "abd", controller.ErrOtherID},
	} {
		s := newStore(t)
		v := container("1", "web", "shop")
		v.DockerID = c.registered
		s.mustCreate(t, v)
		if _, _, err := s.ReportRunner(t.Context(), "1", api.ReportRunner{DockerID: c.reported}, "", at(2)); err != c.err {
			t.Errorf("registered %q, reported %q: %v, want %v", c.registered, c.reported, err, c.err)
		}
	}
}

func TestReportThatChangesNothingIsNotWritten(t *testing.T) {
	s := newStore(t)
	s.mustCreate(t, container("1", "web", "shop"))
	r := api.ReportRunner{Address: "h:1", HostKey: "k", Node: "n", DockerID: "abc", Exec: "docker"}
	for i, want := range []bool{true, false, false, true, true, false, true} {
		switch i {
		case 3:
			r.Address = "h:2"
		case 4:
			r.ExecReason = "why"
		case 6:
			r.ExecReason = "" // as a runner of an earlier version reports
		}
		c, changed, err := s.ReportRunner(t.Context(), "1", r, "h:1", at(int64(i)))
		if err != nil || changed != want || c.State != api.Running || !c.StartedAt.Equal(at(0)) || c.RunnerAddress != r.Address || c.ExecReason != r.ExecReason {
			t.Errorf("report %d: changed %v, %v: %+v", i, changed, err, c)
		}
	}
}

func TestReportFromAnotherAddressHoldsOnlyOverTheOneThatWasAsked(t *testing.T) {
	s := newStore(t)
	s.mustCreate(t, container("1", "web", "shop"))
	for i, c := range []struct {
		address, over string
		err           error
		then          string
	}{
		{"h:1", "", nil, "h:1"},
		{"h:2", "", controller.ErrServed, "h:1"},
		{"h:2", "h:1", nil, "h:2"},
		{"h:3", "h:1", controller.ErrServed, "h:2"}, // another one was quicker
		{"h:2", "h:1", nil, "h:2"},
	} {
		got, _, err := s.ReportRunner(t.Context(), "1", api.ReportRunner{Address: c.address, DockerID: "abc"}, c.over, at(int64(i)))
		if err != c.err || got.RunnerAddress != c.then {
			t.Errorf("report %d: %v, the address is %q; need %v, %q", i, err, got.RunnerAddress, c.err, c.then)
		}
	}
}

func TestRecordsThatAreNotThereAreNotFound(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	for name, f := range map[string]func() error{
		"user":              func() error { _, err := s.User(ctx, "x"); return err },
		"update user":       func() error { _, err := s.UpdateUser(ctx, "x", api.UpdateUser{}); return err },
		"project":           func() error { _, err := s.Project(ctx, controller.Eyes{All: true}, "x"); return err },
		"project of others": func() error { _, err := s.Project(ctx, controller.Eyes{User: "bob"}, "shop"); return err },
		"update project":    func() error { _, err := s.UpdateProject(ctx, "x", api.UpdateProject{}); return err },
		"delete project":    func() error { return s.DeleteProject(ctx, "x") },
		"member's project":  func() error { return s.SetMember(ctx, "x", "bob", api.Viewer) },
		"member's user":     func() error { return s.SetMember(ctx, "shop", "x", api.Viewer) },
		"no member":         func() error { return s.RemoveMember(ctx, "shop", "bob") },
		"token":             func() error { _, err := s.Token(ctx, "x"); return err },
		"token's digest":    func() error { _, _, err := s.TokenByDigest(ctx, [32]byte{}); return err },
		"handle":            func() error { _, err := s.DigestByHandle(ctx, "x"); return err },
		"token's user":      func() error { return s.CreateToken(ctx, controller.TokenRecord{Token: api.Token{ID: "t", User: "x"}}) },
		"revoke":            func() error { return s.RevokeToken(ctx, "x", at(0)) },
		"container":         func() error { _, err := s.Container(ctx, "x"); return err },
		"update container":  func() error { _, err := s.UpdateContainer(ctx, "x", api.UpdateContainer{}); return err },
		"report":            func() error { _, _, err := s.ReportRunner(ctx, "x", api.ReportRunner{}, "", at(0)); return err },
		"end container":     func() error { _, err := s.EndContainer(ctx, "x", nil, at(0)); return err },
		"delete container":  func() error { return s.DeleteContainer(ctx, "x") },
		"session":           func() error { _, err := s.Session(ctx, controller.Eyes{All: true}, "x"); return err },
		"end session":       func() error { return s.EndSession(ctx, "x", at(0), 0, 0) },
		"setting":           func() error { _, err := s.Setting(ctx, "x"); return err },
	} {
		if err := f(); err != controller.ErrNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLastAdminStays(t *testing.T) {
	s := newStore(t)
	if err := s.CreateUser(t.Context(), api.User{Name: "root", Admin: true, CreatedAt: at(0)}); err != nil {
		t.Fatal(err)
	}
	no, yes := false, true
	if _, err := s.UpdateUser(t.Context(), "root", api.UpdateUser{Admin: &no}); err != controller.ErrLastAdmin {
		t.Errorf("no admin any more: %v", err)
	}
	if _, err := s.UpdateUser(t.Context(), "root", api.UpdateUser{Disabled: &yes}); err != controller.ErrLastAdmin {
		t.Errorf("disabled: %v", err)
	}
	if u, err := s.User(t.Context(), "root"); err != nil || !u.Admin || u.Disabled {
		t.Errorf("she is %+v, %v", u, err)
	}
}

func TestBootstrapIsDoneOnce(t *testing.T) {
	s := openIn(t, filepath.Join(t.TempDir(), "db"))
	for i, want := range []bool{true, false} {
		_, token := controller.NewToken("admin", "", at(0))
		made, err := s.Bootstrap(t.Context(), api.User{Name: "admin", Admin: true, CreatedAt: at(0)}, "default", token)
		if made != want || err != nil {
			t.Errorf("time %d: %v, %v", i+1, made, err)
		}
	}
	if tokens, err := s.Tokens(t.Context(), "", controller.Page{Limit: 10}); err != nil || len(tokens) != 1 {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
}

func TestWriteThatFailsLeavesNothing(t *testing.T) {
	s := newStore(t)
	p := api.Project{Name: "new", CreatedAt: at(0), Members: map[string]api.Role{"nobody": api.Owner}}
	if err := s.CreateProject(t.Context(), p); err != controller.ErrNotFound {
		t.Errorf("a member that is not there: %v", err)
	}
	if _, err := s.Project(t.Context(), controller.Eyes{All: true}, "new"); err != controller.ErrNotFound {
		t.Errorf("the project is there: %v", err)
	}
}

func TestEndedContextStopsAQuery(t *testing.T) {
	s := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Users(ctx, controller.Page{Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("reading: %v", err)
	}
	if err := s.SetSetting(ctx, "a", "b"); !errors.Is(err, context.Canceled) {
		t.Errorf("writing: %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestReadersDoNotWriteAndFilesAreTheOwnersAlone(t *testing.T) {
	s := newStore(t)
	if _, err := s.r.Exec("DELETE FROM users"); err == nil {
		t.Error("a reader deleted")
	}
	var mode string
	var full, keys int
	for query, dest := range map[string]any{"PRAGMA journal_mode": &mode, "PRAGMA synchronous": &full, "PRAGMA foreign_keys": &keys} {
		if err := s.w.QueryRow(query).Scan(dest); err != nil {
			t.Fatal(err)
		}
	}
	if mode != "wal" || full != 2 || keys != 1 {
		t.Errorf("journal_mode %q, synchronous %d, foreign_keys %d", mode, full, keys)
	}
	var file string
	if err := s.w.QueryRow("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(file + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", suffix, info.Mode(), err)
		}
	}
}

func TestSchemaIsKeptAndANewerOneRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "with ? and # and %41")
	s, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetSetting(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.Setting(t.Context(), "a"); v != "b" || err != nil {
		t.Errorf("kept %q, %v", v, err)
	}
	if _, err := s.w.Exec("PRAGMA user_version = 999"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(t.Context(), file); err == nil || !strings.Contains(err.Error(), "version 999") {
		t.Errorf("a newer schema: %v", err)
	}
}

func TestStepOfAMigrationThatFailsIsUndone(t *testing.T) {
	s := newStore(t)
	steps, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	if err := step(t.Context(), s.w, "CREATE TABLE half (a); CREATE TABLE users (a);", len(steps)+1); err == nil {
		t.Fatal("a table was made twice")
	}
	if v, err := schemaVersion(t.Context(), s.w); err != nil || v != len(steps) {
		t.Errorf("version %d, %v", v, err)
	}
	if _, err := s.w.Exec("SELECT * FROM half"); err == nil {
		t.Error("half of the step is there")
	}
}

func TestFileThatIsNoDatabaseIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "db")
	if err := os.WriteFile(file, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("opened: %v", err)
	}
}
