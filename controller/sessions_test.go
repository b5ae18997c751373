// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/controller"
	"switchyard/controller/datadir"
	"switchyard/upgrade"
)

// cut checks that a connection is closed by the other side.
func cut(t *testing.T, what string, conn *upgrade.Conn) {
	t.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	_, err := io.Copy(io.Discard, conn)
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("%s goes on", what)
	}
}

// goesOn checks that a session carries bytes.
func goesOn(t *testing.T, what string, conn *upgrade.Conn, greeted bool) {
	t.Helper()
	want := "ping"
	if !greeted {
		want = greeting + want
	}
	conn.SetDeadline(time.Now().Add(patience))
	got := make([]byte, len(want))
	if _, err := io.WriteString(conn, "ping"); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("%s: read %q, %v", what, got, err)
	}
}

func (w *world) live(token string) []api.Session {
	w.t.Helper()
	return must[api.List[api.Session]](w, 200, "GET", api.PathSessions, token, nil).Items
}

func TestSessionsAreSeenAndClosedByWhoMay(t *testing.T) {
	w := newWorld(t, nil)
	owner, alice, bob := w.user("owner"), w.user("alice"), w.user("bob")
	w.project("shop", map[string]api.Role{"owner": api.Owner, "alice": api.Member, "bob": api.Member})
	_, runner := w.running("shop", "web", nil)
	for _, closer := range []string{alice, owner, w.admin} {
		conn, id := w.enter(alice, "web")
		goesOn(t, "the session", conn, false)
		// Bytes are counted once they have been passed on, which the echo may overtake.
		eventually(t, "its bytes are counted", func() bool { l := w.live(alice); return len(l) == 1 && l[0].BytesIn == 4 })
		for token, want := range map[string]int{alice: 1, owner: 1, w.admin: 1, bob: 0} {
			if got := w.live(token); len(got) != want || want == 1 && (got[0].ID != id || got[0].BytesIn != 4 || got[0].EndedAt != nil) {
				t.Errorf("sees %+v, want %d", got, want)
			}
		}
		w.refused(404, api.CodeNotFound, "GET", api.PathSession(id), bob, nil)
		w.refused(404, api.CodeNotFound, "DELETE", api.PathSession(id), bob, nil)
		must[none](w, 204, "DELETE", api.PathSession(id), closer, nil)
		cut(t, "a closed session", conn)
		if s := must[api.Session](w, 200, "GET", api.PathSession(id), alice, nil); s.EndedAt == nil || s.BytesIn != 4 {
			t.Errorf("once closed it is recorded as %+v", s)
		}
		must[none](w, 204, "DELETE", api.PathSession(id), closer, nil) // it is closed already
	}
	eventually(t, "the runner's connections are closed", func() bool { open, _ := runner.connections(); return open == 0 })
	if all := must[api.List[api.Session]](w, 200, "GET", api.PathSessions+"?state=ended&project=shop&user=alice", owner, nil).Items; len(all) != 3 {
		t.Errorf("the project's owner sees %d past sessions", len(all))
	}
	w.refused(404, api.CodeNotFound, "DELETE", api.PathSession("nothing"), w.admin, nil)
}

func TestSettingCutsRunningSessionsOnlyWhenToldTo(t *testing.T) {
	w := newWorld(t, nil)
	member := w.user("member")
	w.project("shop", map[string]api.Role{"member": api.Member})
	w.running("shop", "web", nil)
	hers, _ := w.enter(member, "web")
	defer hers.Close()
	admins, _ := w.enter(w.admin, "web")
	defer admins.Close()
	must[api.Settings](w, 200, "PATCH", api.PathSettings, w.admin, api.UpdateSettings{ShellAccess: api.ShellAdmin})
	w.turnedAway(403, api.CodeShellOff, member, "web")
	goesOn(t, "her session", hers, false)
	must[api.Settings](w, 200, "PATCH", api.PathSettings, w.admin, api.UpdateSettings{CloseSessions: true})
	cut(t, "her session", hers)
	goesOn(t, "the admin's session", admins, false)
	if left := w.live(w.admin); len(left) != 1 || left[0].User != "admin" {
		t.Errorf("there are left %+v", left)
	}
}

func TestLosingTheRightCutsTheSession(t *testing.T) {
	for name, lose := range map[string]func(w *world, token string, c api.CreatedContainer){
		"the token is revoked": func(w *world, token string, _ api.CreatedContainer) {
			id := must[api.Whoami](w, 200, "GET", api.PathWhoami, token, nil).TokenID
			must[none](w, 204, "DELETE", api.PathToken(id), w.admin, nil)
		},
		"the user is disabled": func(w *world, _ string, _ api.CreatedContainer) {
			yes := true
			must[api.User](w, 200, "PATCH", api.PathUser("member"), w.admin, api.UpdateUser{Disabled: &yes})
		},
		"an owner ends the container": func(w *world, _ string, c api.CreatedContainer) {
			must[api.Container](w, 200, "POST", api.PathContainerEnd(api.Ref(c.ID)), w.admin, api.EndContainer{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			member := w.user("member")
			w.project("shop", map[string]api.Role{"member": api.Member})
			c, _ := w.running("shop", "web", nil)
			w.running("shop", "db", nil)
			hers, _ := w.enter(member, "web")
			defer hers.Close()
			other, _ := w.enter(w.admin, "db")
			defer other.Close()
			lose(w, member, c)
			cut(t, "the session", hers)
			goesOn(t, "another session", other, false)
		})
	}
}

// TestRunnerThatReportsTheEndKeepsItsSessions: the runner still owes them an exit status.
func TestRunnerThatReportsTheEndKeepsItsSessions(t *testing.T) {
	w := newWorld(t, nil)
	c, _ := w.running("default", "web", nil)
	conn, _ := w.enter(w.admin, "web")
	defer conn.Close()
	if a := w.signed(c, "POST", api.PathContainerEnd(api.Ref(c.ID)), api.EndContainer{}); a.status != 200 {
		t.Fatalf("ending: %d %s", a.status, a.body)
	}
	goesOn(t, "the session", conn, false)
}

func TestSessionEndsWhenEitherEndGoesAway(t *testing.T) {
	t.Run("the client", func(t *testing.T) {
		w := newWorld(t, nil)
		_, runner := w.running("default", "web", nil)
		conn, _ := w.enter(w.admin, "web")
		conn.Close()
		eventually(t, "the runner is told", func() bool { open, _ := runner.connections(); return open == 0 })
		eventually(t, "it is not live", func() bool { return len(w.live(w.admin)) == 0 })
	})
	t.Run("the runner", func(t *testing.T) {
		w := newWorld(t, nil)
		w.running("default", "web", func(v *visit) { v.honest() })
		conn, _ := w.enter(w.admin, "web")
		defer conn.Close()
		cut(t, "the session", conn)
		conn.Close()
		eventually(t, "it is not live", func() bool { return len(w.live(w.admin)) == 0 })
	})
}

func TestStopLetsSessionsDrain(t *testing.T) {
	w := newWorld(t, nil)
	w.running("default", "web", nil)
	conn, _ := w.enter(w.admin, "web")
	stopped := make(chan error, 1)
	go func() { stopped <- w.c.Shutdown(context.Background()) }()
	eventually(t, "it is not ready", func() bool { return w.call("GET", api.PathReady, "", nil).status == 503 })
	w.refused(503, api.CodeDraining, "GET", api.PathReady, "", nil)
	if _, header := w.turnedAway(503, api.CodeDraining, w.admin, "web"); header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	goesOn(t, "a session that was there", conn, false)
	if got := w.live(w.admin); len(got) != 1 {
		t.Errorf("the API shows %+v", got)
	}
	select {
	case err := <-stopped:
		t.Fatalf("it stopped under a session: %v", err)
	default:
	}
	conn.Close()
	if err := <-stopped; err != nil {
		t.Errorf("stopping: %v", err)
	}
	if err := <-w.served; err != nil {
		t.Errorf("serving: %v", err)
	}
	w.served = nil
}

func TestStopCutsWhatHasNotDrainedInTime(t *testing.T) {
	for name, stop := range map[string]func(*controller.Controller) error{
		"after the drain timeout": func(c *controller.Controller) error {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return c.Shutdown(ctx)
		},
		"at once": (*controller.Controller).Close,
		"at once while it drains": func(c *controller.Controller) error {
			stopped := make(chan error, 1)
			go func() { stopped <- c.Shutdown(context.Background()) }()
			return errors.Join(c.Close(), <-stopped)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			_, runner := w.running("default", "web", nil)
			conn, id := w.enter(w.admin, "web")
			if err := stop(w.c); err != nil {
				t.Errorf("stopping: %v", err)
			}
			cut(t, "the session", conn)
			eventually(t, "the runner's connection is closed", func() bool { open, _ := runner.connections(); return open == 0 })
			s, err := w.dir.Store.Session(t.Context(), controller.Eyes{All: true}, id)
			if err != nil || s.EndedAt == nil {
				t.Errorf("it is recorded as %+v, %v", s, err)
			}
		})
	}
}

func TestStopWhileDiallingEndsTheDialling(t *testing.T) {
	g := newGate()
	w := newWorld(t, func(cfg *controller.Config) { cfg.Dialer = g })
	c, _ := w.running("default", "web", nil)
	conn := w.dial()
	io.WriteString(conn, w.head("POST", api.PathContainerSSH("web"), sshHeaders(w.admin)))
	<-g.entered
	if err := w.c.Close(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	<-g.left
	v, err := w.dir.Store.Container(t.Context(), c.ID)
	if err != nil || !v.Reusable {
		t.Errorf("the container was stamped: %+v, %v", v, err)
	}
}

// TestCrashLeavesNoSessionOpen starts a controller on the files of one that died with a session.
func TestCrashLeavesNoSessionOpen(t *testing.T) {
	w := newWorld(t, nil)
	w.running("default", "web", nil)
	conn, id := w.enter(w.admin, "web")
	defer conn.Close()
	// What a crash leaves is what is on the disk at some instant, the log of the database included.
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(w.dir.Path)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", datadir.SystemTokenFile, datadir.TLSFile, datadir.TLSCertFile, datadir.HostFile, datadir.DatabaseFile} {
		mode := os.FileMode(0o600)
		if name == "" {
			mode = 0o700
		}
		if err := os.Chmod(filepath.Join(copied, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	again := newWorldIn(t, copied, nil)
	if got := again.live(again.admin); len(got) != 0 {
		t.Errorf("there are live sessions: %+v", got)
	}
	if s := must[api.Session](again, 200, "GET", api.PathSession(id), again.admin, nil); s.EndedAt == nil {
		t.Errorf("the session is still open: %+v", s)
	}
	if c := must[api.Container](again, 200, "GET", api.PathContainer("web"), again.admin, nil); c.Reusable || c.OpenedAt == nil {
		t.Errorf("the stamp is lost: %+v", c)
	}
}

func TestManySessionsAtOnceLeaveNothingBehind(t *testing.T) {
	const users, each = 6, 4
	w := newWorld(t, nil)
	_, runner := w.running("default", "web", nil)
	before := sockets(t)
	var wg sync.WaitGroup
	for u := range users {
		wg.Go(func() {
			for range each {
				conn, header, err := w.ssh(w.admin, "web", nil)
				if err != nil {
					t.Errorf("opening: %v%s", err, bodyOf(err))
					return
				}
				io.WriteString(conn, "ping")
				switch u % 3 {
				case 0: // in good order
					conn.CloseWrite()
					io.Copy(io.Discard, conn)
				case 1: // closed through the API
					if a := w.call("DELETE", api.PathSession(api.SessionID(header.Get(api.HeaderSession))), w.admin, nil); a.status != 204 {
						t.Errorf("closing: %d %s", a.status, a.body)
					}
				}
				conn.Close()
			}
		})
		wg.Go(func() { w.call("GET", api.PathSessions, w.admin, nil); w.call("GET", api.PathMetrics, w.admin, nil) })
	}
	wg.Wait()
	eventually(t, "no session is live", func() bool { return len(w.live(w.admin)) == 0 })
	eventually(t, "the runner has no connection", func() bool { open, _ := runner.connections(); return open == 0 })
	all := must[api.List[api.Session]](w, 200, "GET", api.PathSessions+"?state=ended", w.admin, nil)
	if len(all.Items) != users*each {
		t.Errorf("%d sessions are recorded, want %d", len(all.Items), users*each)
	}
	eventually(t, "the sockets are closed", func() bool { return sockets(t) <= before })
}

// sockets counts the open sockets of this process. The database opens files as it likes.
func sockets(t *testing.T) int {
	t.Helper()
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Skipf("there is no /proc: %v", err)
	}
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

func TestMetricsCountSessionsAndRefusals(t *testing.T) {
	w := newWorld(t, nil)
	w.running("default", "web", nil)
	w.register("default", "late")
	conn, _ := w.enter(w.admin, "web")
	goesOn(t, "the session", conn, false)
	w.turnedAway(503, api.CodeQueued, w.admin, "late")
	eventually(t, "its bytes are counted", func() bool { l := w.live(w.admin); return len(l) == 1 && l[0].BytesIn == 4 })
	w.metricsHave(`switchyard_sessions_live 1`, `switchyard_sessions_total 1`, `switchyard_sessions_refused_total{code="container-queued"} 1`,
		`switchyard_session_bytes_total{direction="in"} 4`, `switchyard_handshake_seconds_count 1`,
		`switchyard_api_requests_total{method="POST",route="/v1/containers/{ref}/ssh",status="101"} 1`,
		`switchyard_api_requests_total{method="POST",route="/v1/containers/{ref}/ssh",status="503"} 1`, `switchyard_build_info{`)
	conn.Close()
	eventually(t, "the session has ended", func() bool { return len(w.live(w.admin)) == 0 })
	w.metricsHave(`switchyard_sessions_live 0`, `switchyard_session_bytes_total{direction="in"} 4`)
	w.refused(http.StatusForbidden, api.CodeForbidden, "GET", api.PathMetrics, w.user("plain"), nil)
	w.refused(http.StatusUnauthorized, api.CodeTokenMissing, "GET", api.PathMetrics, "", nil)
}
