// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/controller"
)

// tokenWith puts a token into the store that the API would not make.
func (w *world) tokenWith(user string, change func(*api.Token)) string {
	w.t.Helper()
	secret, t := controller.NewToken(user, "", time.Now())
	change(&t.Token)
	if err := w.dir.Store.CreateToken(w.t.Context(), t); err != nil {
		w.t.Fatal(err)
	}
	return secret
}

func past() *time.Time {
	t := time.Now().Add(-time.Hour)
	return &t
}

func TestSessionIsRefusedWithoutAGoodToken(t *testing.T) {
	w := newWorld(t, nil)
	_, runner := w.running("default", "web", nil)
	w.user("gone")
	disabled := w.tokenWith("gone", func(*api.Token) {})
	yes := true
	must[api.User](w, 200, "PATCH", api.PathUser("gone"), w.admin, api.UpdateUser{Disabled: &yes})
	for name, c := range map[string]struct {
		token string
		code  api.Code
	}{
		"absent":   {"", api.CodeTokenMissing},
		"unknown":  {api.TokenPrefix + strings.Repeat("0", 64), api.CodeTokenInvalid},
		"not one":  {"x", api.CodeTokenInvalid},
		"expired":  {w.tokenWith("admin", func(t *api.Token) { t.ExpiresAt = past() }), api.CodeTokenExpired},
		"revoked":  {w.tokenWith("admin", func(t *api.Token) { t.RevokedAt = past() }), api.CodeTokenRevoked},
		"disabled": {disabled, api.CodeUserDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			p, header := w.turnedAway(http.StatusUnauthorized, c.code, c.token, "web")
			if !strings.HasPrefix(header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("WWW-Authenticate is %q", header.Get("WWW-Authenticate"))
			}
			if c.code != api.CodeUserDisabled && !strings.Contains(p.Detail, "switchyard login") {
				t.Errorf("the way out is missing: %s", p.Detail)
			}
		})
	}
	if _, dialled := runner.connections(); dialled != 0 {
		t.Errorf("the runner was dialled %d times", dialled)
	}
}

// TestContainerOneMayNotSeeLooksLikeNone compares every answer about somebody else's container with the
// answer about one that does not exist.
func TestContainerOneMayNotSeeLooksLikeNone(t *testing.T) {
	w := newWorld(t, nil)
	stranger := w.user("stranger")
	w.project("secret", nil)
	c, _ := w.running("secret", "there", nil)
	const absentID = "00000000-0000-7000-8000-000000000000"
	for _, pair := range [][2]string{
		{"there", "nowhere"}, {"there.secret", "nowhere.secret"}, {"there.secret", "there.nothing"}, {string(c.ID), absentID},
	} {
		blur := func(s string) string {
			for _, word := range append(append(strings.Split(pair[0], "."), strings.Split(pair[1], ".")...), "nothing") {
				s = strings.ReplaceAll(s, word, "X")
			}
			return s
		}
		for _, method := range []string{"GET", "PATCH", "DELETE", "GET /key", "POST /end", "GET /ssh"} {
			method, sub, _ := strings.Cut(method, " ")
			var answers [2]string
			for i, ref := range pair {
				a := w.call(method, api.PathContainer(api.Ref(ref))+sub, stranger, struct{}{})
				p := a.problem(t)
				if a.status != 404 || p.Code != api.CodeNotFound {
					t.Errorf("%s %s%s: %d %s", method, ref, sub, a.status, p.Code)
				}
				answers[i] = blur(p.Title + p.Detail)
			}
			if answers[0] != answers[1] {
				t.Errorf("%s %s: %q and %q differ", method, sub, answers[0], answers[1])
			}
		}
		one, _ := w.turnedAway(404, api.CodeNotFound, stranger, pair[0])
		two, _ := w.turnedAway(404, api.CodeNotFound, stranger, pair[1])
		if blur(one.Detail) != blur(two.Detail) {
			t.Errorf("opening %q: %q and %q differ", pair, one.Detail, two.Detail)
		}
	}
}

func TestNoContainerNamesContainerAndProject(t *testing.T) {
	w := newWorld(t, nil)
	p, _ := w.turnedAway(404, api.CodeNotFound, w.admin, "web.shop")
	for _, word := range []string{`"web"`, `"shop"`, "switchyard ls"} {
		if !strings.Contains(p.Detail, word) {
			t.Errorf("%s is missing in %q", word, p.Detail)
		}
	}
	w.turnedAway(400, api.CodeBadRequest, w.admin, "we\x1b[31mb")
	w.turnedAway(400, api.CodeBadRequest, w.admin, strings.Repeat("a", 64))
}

func TestViewerSeesAContainerAndMayNotOpenIt(t *testing.T) {
	w := newWorld(t, nil)
	viewer, member := w.user("viewer"), w.user("member")
	w.project("shop", map[string]api.Role{"viewer": api.Viewer, "member": api.Member})
	w.running("shop", "web", nil)
	if c := must[api.Container](w, 200, "GET", api.PathContainer("web"), viewer, nil); c.Name != "web" || c.RunnerAddress != "" {
		t.Errorf("the viewer sees %+v", c)
	}
	p, _ := w.turnedAway(403, api.CodeForbidden, viewer, "web")
	for _, word := range []string{"a viewer", "a member", "an owner", `"shop"`} {
		if !strings.Contains(p.Detail, word) {
			t.Errorf("%q is missing in %q", word, p.Detail)
		}
	}
	conn, _ := w.enter(member, "web")
	conn.Close()
}

func TestShellAccessSwitchesRefuseAndSayWhichIsOff(t *testing.T) {
	w := newWorld(t, nil)
	member := w.user("member")
	w.project("shop", map[string]api.Role{"member": api.Member})
	c, _ := w.running("shop", "web", nil)
	const no = false
	system := func(v api.ShellAccess) {
		must[api.Settings](w, 200, "PATCH", api.PathSettings, w.admin, api.UpdateSettings{ShellAccess: v})
	}
	project := func(v bool) {
		must[api.Project](w, 200, "PATCH", api.PathProject("shop"), w.admin, api.UpdateProject{ShellAccess: api.SetSwitch(&v)})
	}
	container := func(v bool) {
		must[api.Container](w, 200, "PATCH", api.PathContainer(api.Ref(c.ID)), w.admin, api.UpdateContainer{ShellAccess: api.SetSwitch(&v)})
	}
	off := func(token string, words ...string) {
		t.Helper()
		p, _ := w.turnedAway(403, api.CodeShellOff, token, "web.shop")
		for _, word := range words {
			if !strings.Contains(p.Detail, word) {
				t.Errorf("%q is missing in %q", word, p.Detail)
			}
		}
		w.refused(403, api.CodeShellOff, "GET", api.PathContainerSSH("web.shop"), token, nil)
	}
	on := func(token string) {
		t.Helper()
		must[none](w, 204, "GET", api.PathContainerSSH("web.shop"), token, nil)
		conn, _ := w.enter(token, "web.shop")
		conn.Close()
	}
	on(member) // opt-out is the default
	system(api.ShellDisabled)
	off(member, "in this installation", "an admin")
	off(w.admin, "in this installation", "an admin")
	system(api.ShellAdmin)
	off(member, "admins only", "an admin can change")
	on(w.admin)
	system(api.ShellOptIn)
	off(member, `container "web.shop"`, "an owner of project", "can change the container's switch")
	off(w.admin, `container "web.shop"`)
	container(true)
	on(member)
	project(false)
	off(member, `project "shop"`, "can change the project's switch")
	project(true)
	container(no)
	off(member, `container "web.shop"`)
	system(api.ShellAdmin)
	off(w.admin, `container "web.shop"`)
	system(api.ShellOptOut)
	off(member, `container "web.shop"`, "an owner of project")
}

func TestQueuedContainerAsksToTryAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.register("default", "web")
	p, header := w.turnedAway(503, api.CodeQueued, w.admin, "web")
	if header.Get("Retry-After") == "" || !strings.Contains(p.Detail, "--wait") {
		t.Errorf("Retry-After %q, %q", header.Get("Retry-After"), p.Detail)
	}
}

func TestEndedContainerSaysWhenAndHow(t *testing.T) {
	w := newWorld(t, nil)
	c, runner := w.running("default", "web", nil)
	code := 7
	a := w.signed(c, "POST", api.PathContainerEnd(api.Ref(c.ID)), api.EndContainer{ExitCode: &code})
	if a.status != 200 {
		t.Fatalf("ending: %d %s", a.status, a.body)
	}
	p, _ := w.turnedAway(410, api.CodeEnded, w.admin, "web")
	if p.ExitCode == nil || *p.ExitCode != 7 || p.EndedAt == nil || !strings.Contains(p.Detail, "exit code 7") ||
		!strings.Contains(p.Detail, p.EndedAt.Format("2006-01-02 15:04:05")) {
		t.Errorf("the problem is %+v", p)
	}
	if _, dialled := runner.connections(); dialled != 0 {
		t.Error("the runner was dialled")
	}
}

func TestUnreachableRunnerIsNamedByItsNodeAndItsAddressOnlyLogged(t *testing.T) {
	w := newWorld(t, nil)
	c := w.register("default", "web")
	address := closedPort(t)
	w.report(c, address)
	p, _ := w.turnedAway(502, api.CodeRunner, w.admin, "web")
	if p.Node != "node-1" || !strings.Contains(p.Detail, `"node-1"`) || !strings.Contains(p.Detail, "refused the connection") {
		t.Errorf("the problem is %+v", p)
	}
	if strings.Contains(p.Detail, address) {
		t.Errorf("the address is in the answer: %s", p.Detail)
	}
	session := strings.TrimPrefix(p.Instance, "urn:uuid:")
	for line := range strings.SplitSeq(w.log.String(), "\n") {
		if strings.Contains(line, session) && strings.Contains(line, address) && strings.Contains(line, "connection refused") {
			return
		}
	}
	t.Errorf("no line has the session %s, the address and the cause", session)
}

func TestTooManySessionsSayWhichLimit(t *testing.T) {
	w := newWorld(t, func(cfg *controller.Config) { cfg.MaxSessions, cfg.MaxSessionsPerUser = 3, 2 })
	alice, bob := w.user("alice"), w.user("bob")
	w.project("shop", map[string]api.Role{"alice": api.Member, "bob": api.Member})
	w.running("shop", "web", nil)
	first, _ := w.enter(alice, "web")
	defer first.Close()
	second, _ := w.enter(alice, "web")
	defer second.Close()
	p, header := w.turnedAway(429, api.CodeTooMany, alice, "web")
	if header.Get("Retry-After") == "" || p.Detail != "you have 2 sessions open, which is the most for one user: close one that \"switchyard session list\" shows, and try again" {
		t.Errorf("Retry-After %q, %q", header.Get("Retry-After"), p.Detail)
	}
	third, _ := w.enter(bob, "web")
	defer third.Close()
	if p, _ = w.turnedAway(429, api.CodeTooMany, bob, "web"); p.Detail != "the controller has 3 sessions open, which is the most that it takes: try again when one has ended" {
		t.Errorf("it says %q", p.Detail)
	}
	w.refused(429, api.CodeTooMany, "GET", api.PathContainerSSH("web"), bob, nil)
	first.Close()
	eventually(t, "the place is free again", func() bool {
		return w.call("GET", api.PathContainerSSH("web"), alice, nil).status == 204
	})
}

func TestTooManySessionsCountsOneAsOne(t *testing.T) {
	for want, change := range map[string]func(*controller.Config){
		"you have 1 session open":           func(cfg *controller.Config) { cfg.MaxSessionsPerUser = 1 },
		"the controller has 1 session open": func(cfg *controller.Config) { cfg.MaxSessions = 1 },
	} {
		w := newWorld(t, change)
		w.running("default", "web", nil)
		first, _ := w.enter(w.admin, "web")
		if p, _ := w.turnedAway(429, api.CodeTooMany, w.admin, "web"); !strings.HasPrefix(p.Detail, want+",") {
			t.Errorf("it says %q, need %q", p.Detail, want)
		}
		first.Close()
	}
}
