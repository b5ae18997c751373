// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"path/filepath"
	"reflect"
	"testing"

	"switchyard/api"
)

// oldRecords are what a program of schema version 1 has left: a container that runs, and one that was never served.
const oldRecords = `
INSERT INTO users VALUES ('alice', 1, 0, 1);
INSERT INTO projects VALUES ('shop', NULL, 1);
INSERT INTO members VALUES ('shop', 'alice', 'owner');
INSERT INTO containers (id, name, project, owner, labels, docker_id, node, state, exec, runner_address, host_key, reusable, created_at, started_at) VALUES
	('1', 'web', 'shop', 'alice', '{"a":"b"}', 'abc', 'node-1', 'running', 'docker', 'h:1', 'k', 1, 1800000001123456, 1800000002123456),
	('2', 'db', 'shop', 'alice', '{}', '', '', 'queued', '', '', '', 1, 1800000001123456, NULL);
`

// oldDatabase makes a file of schema version 1.
func oldDatabase(t *testing.T) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "db")
	steps, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	db, err := open(file, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := step(t.Context(), db, steps[0]+oldRecords, 1); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRecordsOfBeforeTheReasonForExecAreKeptAndGetOne(t *testing.T) {
	file := oldDatabase(t)
	openIn(t, file).Close()
	s := openIn(t, file) // a schema that is of this version already is left as it is
	started := at(2)
	web := api.Container{
		ID: "1", Name: "web", Project: "shop", Owner: "alice", Labels: map[string]string{"a": "b"}, DockerID: "abc", Node: "node-1",
		State: api.Running, Exec: "docker", RunnerAddress: "h:1", HostKey: "k", Reusable: true, CreatedAt: at(1), StartedAt: &started,
	}
	for _, want := range []api.Container{web, container("2", "db", "shop")} {
		if got, err := s.Container(t.Context(), want.ID); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	r := reported(web)
	if _, changed, err := s.ReportRunner(t.Context(), "1", r, "", at(3)); changed || err != nil {
		t.Errorf("the report of the runner of before: changed %v, %v", changed, err)
	}
	r.ExecReason = "why"
	if c, changed, err := s.ReportRunner(t.Context(), "1", r, "", at(3)); !changed || err != nil || c.ExecReason != "why" {
		t.Errorf("the report of a runner with a reason: changed %v, %v, %+v", changed, err, c)
	}
	s.mustCreate(t, container("3", "new", "shop"))
}

func TestASchemaMigratedIsTheOneMadeAnew(t *testing.T) {
	columns := func(s *Store) (list []string) {
		rows, err := s.r.QueryContext(t.Context(), "SELECT m.name || '.' || i.name || ' ' || i.type || ' ' || i.\"notnull\" "+
			"FROM sqlite_schema m, pragma_table_info(m.name) i WHERE m.type = 'table' ORDER BY 1")
		list, err = all(rows, err, func(r scanner) (c string, err error) { return c, r.Scan(&c) })
		if err != nil || len(list) == 0 {
			t.Fatalf("%d columns, %v", len(list), err)
		}
		return list
	}
	migrated, anew := columns(openIn(t, oldDatabase(t))), columns(newStore(t))
	if !reflect.DeepEqual(migrated, anew) {
		t.Errorf("migrated %q, made anew %q", migrated, anew)
	}
}
