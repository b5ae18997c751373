// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"switchyard/api"
	"switchyard/controller"
)

func TestBothHTTPVersionsAreSpoken(t *testing.T) {
	w := newWorld(t, nil)
	if a := w.call("GET", api.PathHealth, "", nil); a.proto != "HTTP/2.0" || a.status != 200 {
		t.Errorf("%s %d", a.proto, a.status)
	}
	if a := w.raw(w.head("GET", api.PathHealth, []string{"Connection: close"})); a.status != 200 {
		t.Errorf("HTTP/1.1: %d", a.status)
	}
	must[map[string]string](w, 200, "GET", api.PathReady, "", nil)
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	w := newWorld(t, nil)
	for _, path := range []string{"/", "/v1", "/v1/", "/v1/users/", "/v1/users/a/b", "//v1/users", "/v1/../healthz", "/v1/containers/a%2Fb/c", "/favicon.ico"} {
		if a := w.raw(w.head("GET", path, []string{"Connection: close"})); a.status != 404 || a.problem(t).Code != api.CodeNotFound {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for path, want := range map[string]string{
		api.PathHealth:            "GET, HEAD",
		api.PathUsers:             "GET, HEAD, POST",
		api.PathContainer("x"):    "DELETE, GET, HEAD, PATCH",
		api.PathMember("a", "b"):  "DELETE, PUT",
		api.PathContainerEnd("x"): "POST",
	} {
		a := w.call("TRACE", path, w.admin, nil)
		if p := a.problem(t); a.status != 405 || p.Code != api.CodeMethodNotAllowed || a.header.Get("Allow") != want {
			t.Errorf("%s: %d, Allow %q, want %q", path, a.status, a.header.Get("Allow"), want)
		}
	}
	if a := w.call("HEAD", api.PathHealth, "", nil); a.status != 200 || len(a.body) != 0 {
		t.Errorf("HEAD: %d %q", a.status, a.body)
	}
}

func TestRequestBodiesAreReadStrictly(t *testing.T) {
	w := newWorld(t, nil)
	for name, c := range map[string]struct {
		body   string
		status int
		word   string
	}{
		"unknown field":   {`{"name":"x","shell_acess":false}`, 400, `"shell_acess"`},
		"wrong type":      {`{"name":7}`, 400, `"name" is a JSON number, need string`},
		"wrong object":    {`{"name":"x","labels":true}`, 400, `"labels" is a JSON bool, need object`},
		"empty":           {``, 400, "empty"},
		"not JSON":        {`name=x`, 400, "JSON object"},
		"a list":          {`[]`, 400, "JSON object"},
		"cut off":         {`{"name":"x"`, 400, "JSON object"},
		"more than one":   {`{"name":"x"}{"name":"y"}`, 400, "goes on"},
		"too large":       {`{"name":"` + strings.Repeat("x", api.MaxBody) + `"}`, 413, "65536"},
		"a label of NULs": {`{"name":"x","labels":{"a":"\u0000"}}`, 400, "printable"},
	} {
		a := w.call("POST", api.PathContainers, w.admin, c.body)
		if p := a.problem(t); a.status != c.status || !strings.Contains(p.Detail, c.word) {
			t.Errorf("%s: %d %q", name, a.status, p.Detail)
		}
	}
	if got := must[api.List[api.Container]](w, 200, "GET", api.PathContainers, w.admin, nil); len(got.Items) != 0 {
		t.Errorf("something was registered: %+v", got.Items)
	}
}

func TestQueriesAreReadStrictly(t *testing.T) {
	w := newWorld(t, nil)
	for _, q := range []string{"limit=0", "limit=1001", "limit=x", "limit=1&limit=2", "nonsense=1", "state=dead", "after=" + strings.Repeat("x", 100), "%zz=1", "a;b"} {
		w.refused(400, api.CodeBadRequest, "GET", api.PathContainers+"?"+q, w.admin, nil)
	}
	w.refused(400, api.CodeBadRequest, "GET", api.PathSessions+"?state=running", w.admin, nil)
}

func TestHandlerThatPanicsAnswersAProblemAndTheConnectionGoesOn(t *testing.T) {
	defer controller.PanicForTest("/panic")()
	w := newWorld(t, nil)
	a := w.raw(w.head("GET", "/panic", nil))
	p := a.problem(t)
	if a.status != 500 || p.Code != api.CodeInternal || a.header.Get("Connection") == "close" {
		t.Errorf("%d %s, Connection %q", a.status, a.body, a.header.Get("Connection"))
	}
	id := strings.TrimPrefix(p.Instance, "urn:uuid:")
	for line := range strings.SplitSeq(w.log.String(), "\n") {
		if strings.Contains(line, id) && strings.Contains(line, "panicked") && strings.Contains(line, "stack=") {
			if strings.Contains(line, "a handler\nfailed") {
				t.Error("the panic's text breaks the line")
			}
			return
		}
	}
	t.Error("the panic is not in the log under the problem's id")
}

func TestWhatUsersChooseIsQuotedInTheLog(t *testing.T) {
	w := newWorld(t, nil)
	r := w.request("GET", "/v1/containers/x%0Alevel=error%1B[31m", nil)
	r.Header.Set(api.HeaderClient, "v1 level=fatal")
	r.Header.Set("Authorization", "Bearer "+w.admin)
	w.send(r)
	log := w.log.String()
	if strings.Contains(log, "\nlevel=error") || strings.ContainsRune(log, '\x1b') {
		t.Errorf("the log holds it raw: %s", log)
	}
	for _, chosen := range []string{"level=error", "[31m", "level=fatal"} {
		if !strings.Contains(log, chosen) {
			t.Errorf("the log does not hold %q at all: %s", chosen, log)
		}
	}
}

// TestEveryRouteIsForWhomItIs calls every route as everybody.
func TestEveryRouteIsForWhomItIs(t *testing.T) {
	w := newWorld(t, nil)
	plain := w.user("plain")
	c := w.register("default", "web")
	public := []string{"GET /healthz", "GET /readyz", "GET /v1/ca"}
	adminsOnly := []string{"GET /v1/users", "POST /v1/users", "PATCH /v1/users/{user}", "POST /v1/projects", "DELETE /v1/projects/{project}", "PATCH /v1/settings", "GET /metrics"}
	runners := []string{"GET /v1/containers/{ref}", "POST /v1/containers/{ref}/end", "POST /v1/containers/{ref}/runner"}
	for _, route := range controller.RoutesForTest() {
		method, pattern, _ := strings.Cut(route, " ")
		path := strings.NewReplacer("{ref}", string(c.ID), "{user}", "plain", "{project}", "default", "{token}", "x", "{session}", "x").Replace(pattern)
		if route == "POST /v1/containers/{ref}/ssh" {
			continue // it checks the upgrade first, and has tests of its own
		}
		a := w.call(method, path, "", struct{}{})
		if want := !slices.Contains(public, route); want != (a.status == 401) || want && a.problem(t).Code != api.CodeTokenMissing {
			t.Errorf("%s without a token: %d", route, a.status)
		}
		a = w.call(method, path, plain, struct{}{})
		if slices.Contains(adminsOnly, route) && (a.status != 403 || a.problem(t).Code != api.CodeForbidden) {
			t.Errorf("%s by a user: %d", route, a.status)
		}
		a = w.signed(c, method, path, struct{}{})
		if want := !slices.Contains(public, route) && !slices.Contains(runners, route); want != (a.status == 403) {
			t.Errorf("%s by a runner: %d %s", route, a.status, a.body)
		}
	}
}

func TestTokensAreShownOnceAndWorkUntilRevoked(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.user("alice")
	made := must[api.CreatedToken](w, 201, "POST", api.PathTokens, alice, api.CreateToken{Note: "laptop", ExpiresSeconds: 3600})
	if made.User != "alice" || made.ExpiresAt == nil || made.ExpiresAt.Sub(made.CreatedAt).Seconds() != 3600 {
		t.Errorf("made %+v", made.Token)
	}
	me := must[api.Whoami](w, 200, "GET", api.PathWhoami, made.Secret, nil)
	if me.User != "alice" || me.Admin || me.TokenID != made.ID || me.ExpiresAt == nil || len(me.Projects) != 0 {
		t.Errorf("whoami %+v", me)
	}
	again := must[api.Token](w, 200, "GET", api.PathToken(made.ID), alice, nil)
	if again.Note != "laptop" || again.LastUsedAt == nil || again.LastUsedAt.Second() != 0 || again.RevokedAt != nil {
		t.Errorf("the record is %+v", again)
	}
	must[none](w, 204, "DELETE", api.PathToken(made.ID), alice, nil)
	first := must[api.Token](w, 200, "GET", api.PathToken(made.ID), alice, nil).RevokedAt
	must[none](w, 204, "DELETE", api.PathToken(made.ID), alice, nil)
	if again := must[api.Token](w, 200, "GET", api.PathToken(made.ID), alice, nil); !again.RevokedAt.Equal(*first) {
		t.Error("the second revocation changed the time of the first")
	}
	p := w.refused(401, api.CodeTokenRevoked, "GET", api.PathWhoami, made.Secret, nil)
	if !strings.Contains(p.Detail, "revoked at") {
		t.Errorf("it says %q", p.Detail)
	}
	w.refused(401, api.CodeTokenExpired, "GET", api.PathWhoami, w.tokenWith("alice", func(t *api.Token) { t.ExpiresAt = past() }), nil)
}

func TestTokensOfOthersAreForAdmins(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.user("alice"), w.user("bob")
	hers := must[api.Whoami](w, 200, "GET", api.PathWhoami, alice, nil).TokenID
	w.refused(404, api.CodeNotFound, "GET", api.PathToken(hers), bob, nil)
	w.refused(404, api.CodeNotFound, "DELETE", api.PathToken(hers), bob, nil)
	w.refused(403, api.CodeForbidden, "POST", api.PathTokens, bob, api.CreateToken{User: "alice"})
	w.refused(403, api.CodeForbidden, "GET", api.PathTokens+"?user=alice", bob, nil)
	w.refused(404, api.CodeNotFound, "POST", api.PathTokens, w.admin, api.CreateToken{User: "nobody"})
	w.refused(400, api.CodeBadRequest, "POST", api.PathTokens, bob, api.CreateToken{Note: "a\nb"})
	w.refused(400, api.CodeBadRequest, "POST", api.PathTokens, bob, api.CreateToken{ExpiresSeconds: -1})
	if l := must[api.List[api.Token]](w, 200, "GET", api.PathTokens, bob, nil); len(l.Items) != 1 || l.Items[0].User != "bob" {
		t.Errorf("bob sees %+v", l.Items)
	}
	if l := must[api.List[api.Token]](w, 200, "GET", api.PathTokens+"?user=alice", w.admin, nil); len(l.Items) != 1 || l.Items[0].ID != hers {
		t.Errorf("the admin sees %+v", l.Items)
	}
	must[none](w, 204, "DELETE", api.PathToken(hers), w.admin, nil)
	w.refused(401, api.CodeTokenRevoked, "GET", api.PathWhoami, alice, nil)
}

func TestTokenDoesNotOutliveTheOneItWasMadeWith(t *testing.T) {
	w := newWorld(t, nil)
	w.user("alice")
	short := must[api.CreatedToken](w, 201, "POST", api.PathTokens, w.admin, api.CreateToken{User: "alice", ExpiresSeconds: 3600}).Secret
	w.refused(403, api.CodeForbidden, "POST", api.PathTokens, short, api.CreateToken{})
	w.refused(403, api.CodeForbidden, "POST", api.PathTokens, short, api.CreateToken{ExpiresSeconds: 7200})
	must[api.CreatedToken](w, 201, "POST", api.PathTokens, short, api.CreateToken{ExpiresSeconds: 60})
}

func TestUsersAreMadeChangedAndDisabled(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.user("alice")
	yes, no := true, false
	w.refused(409, api.CodeConflict, "POST", api.PathUsers, w.admin, api.CreateUser{Name: "alice"})
	w.refused(400, api.CodeBadRequest, "POST", api.PathUsers, w.admin, api.CreateUser{Name: "Alice"})
	w.refused(404, api.CodeNotFound, "PATCH", api.PathUser("nobody"), w.admin, api.UpdateUser{Admin: &yes})
	w.refused(404, api.CodeNotFound, "GET", api.PathUser("nobody"), w.admin, nil)
	w.refused(403, api.CodeForbidden, "GET", api.PathUser("admin"), alice, nil)
	w.refused(403, api.CodeForbidden, "GET", api.PathUser("nobody"), alice, nil)
	if u := must[api.User](w, 200, "GET", api.PathUser("alice"), alice, nil); u.Name != "alice" || u.Admin || u.Disabled {
		t.Errorf("she sees %+v", u)
	}
	w.refused(409, api.CodeConflict, "PATCH", api.PathUser("admin"), w.admin, api.UpdateUser{Admin: &no})
	w.refused(409, api.CodeConflict, "PATCH", api.PathUser("admin"), w.admin, api.UpdateUser{Disabled: &yes})
	if u := must[api.User](w, 200, "GET", api.PathUser("admin"), w.admin, nil); !u.Admin || u.Disabled {
		t.Errorf("the last admin is %+v", u)
	}
	must[api.User](w, 200, "PATCH", api.PathUser("alice"), w.admin, api.UpdateUser{Admin: &yes})
	must[api.User](w, 200, "PATCH", api.PathUser("admin"), alice, api.UpdateUser{Disabled: &yes})
	p := w.refused(401, api.CodeUserDisabled, "GET", api.PathWhoami, w.admin, nil)
	if !strings.Contains(p.Detail, `"admin"`) {
		t.Errorf("it says %q", p.Detail)
	}
	if l := must[api.List[api.User]](w, 200, "GET", api.PathUsers, alice, nil); len(l.Items) != 2 || l.Items[0].Name != "admin" {
		t.Errorf("the users are %+v", l.Items)
	}
}

func TestProjectsAreForTheirMembers(t *testing.T) {
	w := newWorld(t, nil)
	owner, viewer, stranger := w.user("owner"), w.user("viewer"), w.user("stranger")
	w.project("shop", map[string]api.Role{"owner": api.Owner, "viewer": api.Viewer})
	w.refused(409, api.CodeConflict, "POST", api.PathProjects, w.admin, api.CreateProject{Name: "shop"})
	w.refused(400, api.CodeBadRequest, "POST", api.PathProjects, w.admin, api.CreateProject{Name: "a.b"})
	w.refused(400, api.CodeBadRequest, "POST", api.PathProjects, w.admin, api.CreateProject{Name: api.HostSuffix})
	w.refused(400, api.CodeBadRequest, "POST", api.PathContainers, w.admin, api.CreateContainer{Name: api.HostSuffix, Project: "shop"})
	one := w.refused(404, api.CodeNotFound, "GET", api.PathProject("shop"), stranger, nil)
	two := w.refused(404, api.CodeNotFound, "GET", api.PathProject("none"), stranger, nil)
	if strings.ReplaceAll(one.Detail, "shop", "none") != two.Detail {
		t.Errorf("%q and %q differ", one.Detail, two.Detail)
	}
	p := must[api.Project](w, 200, "GET", api.PathProject("shop"), viewer, nil)
	if len(p.Members) != 3 || p.Members["owner"] != api.Owner || p.Members["viewer"] != api.Viewer || p.Members["admin"] != api.Owner {
		t.Errorf("the project is %+v", p)
	}
	no := false
	w.refused(403, api.CodeForbidden, "PATCH", api.PathProject("shop"), viewer, api.UpdateProject{ShellAccess: api.SetSwitch(&no)})
	w.refused(403, api.CodeForbidden, "PUT", api.PathMember("shop", "viewer"), viewer, api.SetMember{Role: api.Owner})
	w.refused(403, api.CodeForbidden, "DELETE", api.PathMember("shop", "owner"), viewer, nil)
	w.refused(404, api.CodeNotFound, "PUT", api.PathMember("shop", "stranger"), stranger, api.SetMember{Role: api.Owner})
	w.refused(404, api.CodeNotFound, "PUT", api.PathMember("shop", "nobody"), owner, api.SetMember{Role: api.Viewer})
	w.refused(400, api.CodeBadRequest, "PUT", api.PathMember("shop", "viewer"), owner, api.SetMember{Role: "god"})
	must[none](w, 204, "PUT", api.PathMember("shop", "viewer"), owner, api.SetMember{Role: api.Member})
	if me := must[api.Whoami](w, 200, "GET", api.PathWhoami, viewer, nil); me.Projects["shop"] != api.Member {
		t.Errorf("whoami %+v", me)
	}
	must[none](w, 204, "DELETE", api.PathMember("shop", "viewer"), owner, nil)
	w.refused(404, api.CodeNotFound, "DELETE", api.PathMember("shop", "viewer"), owner, nil)
	w.refused(404, api.CodeNotFound, "GET", api.PathProject("shop"), viewer, nil)
	if l := must[api.List[api.Project]](w, 200, "GET", api.PathProjects, owner, nil); len(l.Items) != 1 || l.Items[0].Name != "shop" {
		t.Errorf("the owner sees %+v", l.Items)
	}
	c := w.register("shop", "web")
	w.refused(409, api.CodeConflict, "DELETE", api.PathProject("shop"), w.admin, nil)
	must[api.Container](w, 200, "POST", api.PathContainerEnd(api.Ref(c.ID)), owner, api.EndContainer{})
	must[none](w, 204, "DELETE", api.PathContainer(api.Ref(c.ID)), owner, nil)
	must[none](w, 204, "DELETE", api.PathProject("shop"), w.admin, nil)
	w.refused(404, api.CodeNotFound, "DELETE", api.PathProject("shop"), w.admin, nil)
}

func TestContainerIsRegisteredByOwnersOnly(t *testing.T) {
	w := newWorld(t, nil)
	owner, member, stranger := w.user("owner"), w.user("member"), w.user("stranger")
	w.project("shop", map[string]api.Role{"owner": api.Owner, "member": api.Member})
	w.project("barn", map[string]api.Role{"member": api.Member})
	yes := true
	c := must[api.CreatedContainer](w, 201, "POST", api.PathContainers, owner, api.CreateContainer{
		Name: "web", DockerID: "abc123", Labels: map[string]string{"team/x": "a b"}, ShellAccess: &yes,
	})
	if c.Project != "shop" || c.Owner != "owner" || c.State != api.Queued || !c.Reusable || c.Labels["team/x"] != "a b" || !*c.ShellAccess ||
		c.ContainerKey != w.dir.SystemToken.ContainerKey(string(c.ID)).Reveal() {
		t.Errorf("registered %+v", c.Container)
	}
	key := must[api.ContainerKey](w, 200, "GET", api.PathContainerKey("web"), owner, nil)
	if key.ContainerKey != c.ContainerKey {
		t.Error("the key differs from the one at registration")
	}
	p := w.refused(409, api.CodeConflict, "POST", api.PathContainers, owner, api.CreateContainer{Name: "web"})
	if !strings.Contains(p.Detail, `"web"`) || !strings.Contains(p.Detail, `"shop"`) {
		t.Errorf("it says %q", p.Detail)
	}
	create := api.CreateContainer{Name: "db", Project: "shop"}
	w.refused(403, api.CodeForbidden, "POST", api.PathContainers, member, create)
	w.refused(404, api.CodeNotFound, "POST", api.PathContainers, stranger, create)
	w.refused(403, api.CodeForbidden, "POST", api.PathContainers, member, api.CreateContainer{Name: "db"})
	w.refused(403, api.CodeForbidden, "GET", api.PathContainerKey("web"), member, nil)
	w.refused(403, api.CodeForbidden, "PATCH", api.PathContainer("web"), member, api.UpdateContainer{ShellAccess: api.SetSwitch(&yes)})
	w.refused(403, api.CodeForbidden, "POST", api.PathContainerEnd("web"), member, api.EndContainer{})
	w.refused(403, api.CodeForbidden, "DELETE", api.PathContainer("web"), member, nil)
	p = w.refused(400, api.CodeBadRequest, "POST", api.PathContainers, w.admin, api.CreateContainer{Name: "db"})
	if !strings.Contains(p.Detail, "barn, default, shop") {
		t.Errorf("the choices are missing: %q", p.Detail)
	}
	for name, bad := range map[string]api.CreateContainer{
		"no name":            {},
		"upper case":         {Name: "Web"},
		"a control":          {Name: "we\x1bb"},
		"a dot":              {Name: "we.b"},
		"a long name":        {Name: strings.Repeat("a", 64)},
		"an id":              {Name: string(c.ID)},
		"a project path":     {Name: "db", Project: "../x"},
		"a Docker name":      {Name: "db", DockerID: "my-web"},
		"a long Docker id":   {Name: "db", DockerID: strings.Repeat("a", 65)},
		"an empty label key": {Name: "db", Labels: map[string]string{"": "x"}},
		"a label of lines":   {Name: "db", Labels: map[string]string{"a": "x\ny"}},
		"a long label":       {Name: "db", Labels: map[string]string{"a": strings.Repeat("x", 257)}},
		"many labels":        {Name: "db", Labels: manyLabels(65)},
	} {
		p := w.refused(400, api.CodeBadRequest, "POST", api.PathContainers, owner, bad)
		if strings.ContainsRune(p.Detail, '\x1b') {
			t.Errorf("%s: %q is not quoted", name, p.Detail)
		}
	}
}

func manyLabels(n int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m[fmt.Sprintf("l%d", i)] = ""
	}
	return m
}

func TestRefMeansTheLiveContainerElseTheOneThatEndedLast(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.user("alice")
	w.project("shop", map[string]api.Role{"alice": api.Owner})
	get := func(ref string) api.ContainerID {
		return must[api.Container](w, 200, "GET", api.PathContainer(api.Ref(ref)), alice, nil).ID
	}
	end := func(id api.ContainerID) {
		must[api.Container](w, 200, "POST", api.PathContainerEnd(api.Ref(id)), alice, api.EndContainer{})
	}
	first := w.register("shop", "web")
	end(first.ID)
	second := w.register("shop", "web")
	if got := get("web"); got != second.ID {
		t.Errorf("web is %s, want the live one", got)
	}
	end(second.ID)
	if got := get("web.shop"); got != second.ID {
		t.Errorf("web.shop is %s, want the one that ended last", got)
	}
	for _, ref := range []string{string(first.ID), strings.ToUpper(string(first.ID))} {
		if got := get(ref); got != first.ID {
			t.Errorf("%s is %s", ref, got)
		}
	}
	w.refused(410, api.CodeEnded, "GET", api.PathContainerSSH("web"), alice, nil)
}

func TestAmbiguousRefListsTheChoicesThatOneMaySee(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.user("alice")
	w.project("shop", map[string]api.Role{"alice": api.Member})
	w.project("barn", map[string]api.Role{"alice": api.Member})
	w.project("secret", nil)
	for _, project := range []string{"shop", "barn", "secret"} {
		w.register(project, "web")
	}
	p := w.refused(409, api.CodeAmbiguous, "GET", api.PathContainer("web"), alice, nil)
	if !strings.Contains(p.Detail, "web.barn, web.shop") || strings.Contains(p.Detail, "secret") {
		t.Errorf("it says %q", p.Detail)
	}
	w.turnedAway(409, api.CodeAmbiguous, alice, "web")
	must[api.Container](w, 200, "GET", api.PathContainer("web.shop"), alice, nil)
	must[api.Container](w, 200, "POST", api.PathContainerEnd("web.barn"), w.admin, api.EndContainer{})
	if c := must[api.Container](w, 200, "GET", api.PathContainer("web"), alice, nil); c.Project != "shop" {
		t.Errorf("with one live it is %+v", c)
	}
	must[api.Container](w, 200, "POST", api.PathContainerEnd("web.shop"), w.admin, api.EndContainer{})
	w.refused(409, api.CodeAmbiguous, "GET", api.PathContainer("web"), alice, nil)
}

func TestContainersAreListedByFilterAndPage(t *testing.T) {
	w := newWorld(t, nil)
	alice := w.user("alice")
	w.project("shop", map[string]api.Role{"alice": api.Viewer})
	for i := range 5 {
		w.register("shop", fmt.Sprintf("c%d", i))
		w.register("default", fmt.Sprintf("c%d", i))
	}
	must[api.Container](w, 200, "POST", api.PathContainerEnd("c1.shop"), w.admin, api.EndContainer{})
	names := func(token, q string) string {
		var all []string
		for next := ""; ; {
			l := must[api.List[api.Container]](w, 200, "GET", api.PathContainers+"?limit=2&after="+next+q, token, nil)
			for _, c := range l.Items {
				all = append(all, c.Name+"."+c.Project)
			}
			if next = l.Next; next == "" {
				return strings.Join(all, " ")
			}
		}
	}
	for q, want := range map[string]string{
		"":                           "c4.shop c3.shop c2.shop c1.shop c0.shop",
		"&state=ended":               "c1.shop",
		"&state=ended&state=running": "c1.shop",
		"&state=queued":              "c4.shop c3.shop c2.shop c0.shop",
		"&name=c3":                   "c3.shop",
		"&project=default":           "",
	} {
		if got := names(alice, q); got != want {
			t.Errorf("%q: %q, want %q", q, got, want)
		}
	}
	if got := names(w.admin, "&name=c0"); got != "c0.default c0.shop" {
		t.Errorf("the admin sees %q", got)
	}
}

func TestContainerIsChangedEndedAndDeleted(t *testing.T) {
	w := newWorld(t, nil)
	c := w.register("default", "web")
	path := api.PathContainer(api.Ref(c.ID))
	no := false
	v := must[api.Container](w, 200, "PATCH", path, w.admin, api.UpdateContainer{ShellAccess: api.SetSwitch(&no), Labels: map[string]string{"a": "b"}})
	if *v.ShellAccess || v.Labels["a"] != "b" {
		t.Errorf("changed to %+v", v)
	}
	if v = must[api.Container](w, 200, "PATCH", path, w.admin, api.UpdateContainer{}); *v.ShellAccess || v.Labels["a"] != "b" {
		t.Errorf("nothing changed it to %+v", v)
	}
	if v = must[api.Container](w, 200, "PATCH", path, w.admin, api.UpdateContainer{Labels: map[string]string{"c": "d"}}); len(v.Labels) != 1 {
		t.Errorf("labels are not replaced: %+v", v)
	}
	w.refused(409, api.CodeConflict, "DELETE", path, w.admin, nil)
	v = must[api.Container](w, 200, "POST", path+"/end", w.admin, api.EndContainer{})
	if v.State != api.Ended || v.EndedAt == nil || v.ExitCode != nil {
		t.Errorf("ended as %+v", v)
	}
	at, code := *v.EndedAt, 3
	v = must[api.Container](w, 200, "POST", path+"/end", w.admin, api.EndContainer{ExitCode: &code})
	if !v.EndedAt.Equal(at) || v.ExitCode == nil || *v.ExitCode != 3 {
		t.Errorf("ended again as %+v", v)
	}
	other := 4
	if v = must[api.Container](w, 200, "POST", path+"/end", w.admin, api.EndContainer{ExitCode: &other}); *v.ExitCode != 3 {
		t.Errorf("the exit code changed: %+v", v)
	}
	must[none](w, 204, "DELETE", path, w.admin, nil)
	w.refused(404, api.CodeNotFound, "GET", path, w.admin, nil)
	w.register("default", "web") // the name is free again
}

func TestDatabaseThatFailsIsAProblemWithoutDetail(t *testing.T) {
	w := newWorld(t, nil)
	w.dir.Store.Close()
	p := w.refused(http.StatusInternalServerError, api.CodeInternal, "GET", api.PathWhoami, w.admin, nil)
	if strings.Contains(p.Detail, "sql") {
		t.Errorf("it says %q", p.Detail)
	}
	if !strings.Contains(w.log.String(), strings.TrimPrefix(p.Instance, "urn:uuid:")) {
		t.Error("the cause is not in the log under the problem's id")
	}
	w.refused(http.StatusServiceUnavailable, api.CodeInternal, "GET", api.PathReady, "", nil)
	if a := w.call("GET", api.PathHealth, "", nil); a.status != 200 {
		t.Errorf("health: %d", a.status)
	}
}

func TestSwitchOfAContainerAndAProjectIsGivenBackWithNull(t *testing.T) {
	w := newWorld(t, nil)
	w.project("shop", nil)
	c := w.register("shop", "web")
	for path, shown := range map[string]func() *bool{
		api.PathContainer(api.Ref(c.ID)): func() *bool {
			return must[api.Container](w, 200, "GET", api.PathContainer(api.Ref(c.ID)), w.admin, nil).ShellAccess
		},
		api.PathProject("shop"): func() *bool {
			return must[api.Project](w, 200, "GET", api.PathProject("shop"), w.admin, nil).ShellAccess
		},
	} {
		for body, want := range map[string]string{`{"shell_access":false}`: "false", `{"shell_access":true}`: "true"} {
			w.call("PATCH", path, w.admin, body)
			w.call("PATCH", path, w.admin, `{}`)
			if got := shown(); got == nil || fmt.Sprint(*got) != want {
				t.Errorf("%s after %s and {}: %v", path, body, got)
			}
			if a := w.call("PATCH", path, w.admin, `{"shell_access":null}`); a.status != 200 || shown() != nil {
				t.Errorf("%s after null: %d %s", path, a.status, a.body)
			}
		}
		if p := w.refused(400, api.CodeBadRequest, "PATCH", path, w.admin, `{"shell_access":"default"}`); !strings.Contains(p.Detail, `"shell_access" is a JSON string, need bool`) {
			t.Errorf("%s refuses a string with %q", path, p.Detail)
		}
	}
}
