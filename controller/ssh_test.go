// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"io"
	"net/http"
	"testing"

	"switchyard/api"
)

func TestSessionCarriesBytesBothWaysAndEachEnd(t *testing.T) {
	w := newWorld(t, nil)
	c, runner := w.running("default", "web", nil)
	conn, id := w.enter(w.admin, "web")
	if _, err := io.WriteString(conn, "some bytes"); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if want := greeting + "some bytes"; err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
	eventually(t, "the session ends", func() bool {
		return must[api.Session](w, http.StatusOK, "GET", api.PathSession(id), w.admin, nil).EndedAt != nil
	})
	s := must[api.Session](w, http.StatusOK, "GET", api.PathSession(id), w.admin, nil)
	if s.BytesIn != int64(len("some bytes")) || s.BytesOut != int64(len(got)) || s.ContainerID != c.ID || s.User != "admin" {
		t.Errorf("the session is recorded as %+v", s)
	}
	eventually(t, "the runner's connection is closed", func() bool { open, _ := runner.connections(); return open == 0 })
}
