// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clienttest

import (
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"switchyard/api"
	"switchyard/upgrade"
)

type records struct {
	containers []api.Container
	users      []api.User
	projects   []api.Project
	tokens     []api.Token
	sessions   []api.Session
	settings   api.Settings
}

func newID() string         { return uuid.NewString() }
func itoa(n int64) string   { return strconv.FormatInt(n, 10) }
func ago(d int) time.Time   { return time.Now().Add(-time.Duration(d) * time.Hour).UTC() }
func at(d int) *time.Time   { t := ago(d); return &t }
func intPointer(n int) *int { return &n }

func newRecords() records {
	r := records{
		users:    []api.User{{Name: "alice", Admin: true, CreatedAt: ago(72)}},
		projects: []api.Project{{Name: "shop", Members: map[string]api.Role{"alice": api.Owner}, CreatedAt: ago(72)}},
		tokens:   []api.Token{{ID: "0198c7de-93c1-7a43-8b4d-000000000001", User: "alice", Note: "laptop", CreatedAt: ago(72)}},
		settings: api.Settings{ShellAccess: api.ShellOptOut},
	}
	for _, name := range []string{"web", "greeting", "farewell", "count", "abort", "flood", "queued", "soon", "ended", "off", "viewer", "far", "busy", "draining", "twice"} {
		r.add(name)
	}
	r.sessions = []api.Session{{
		ID: "0198c7de-93c1-7a43-8b4d-0000000000aa", User: "alice", Container: "web", ContainerID: r.containers[0].ID, Project: "shop",
		ClientAddress: "192.0.2.7:50000", StartedAt: ago(1), BytesIn: 100, BytesOut: 5 << 20,
	}}
	return r
}

func (r *records) add(name string) {
	v := api.Container{
		ID: api.ContainerID(newID()), Name: name, Project: "shop", Owner: "alice", Node: "n1", State: api.Running,
		Reusable: true, CreatedAt: ago(3), StartedAt: at(3),
	}
	switch name {
	case "queued", "soon":
		v.State, v.Node, v.StartedAt = api.Queued, "", nil
	case "ended":
		v.State, v.ExitCode, v.EndedAt = api.Ended, intPointer(3), at(1)
	}
	r.containers = append(r.containers, v)
}

// Add registers a container as a controller never would: its fields are not checked.
func (c *Controller) Add(v api.Container) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.containers = append(c.containers, v)
}

// ID is the id of a container.
func (c *Controller) ID(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.containers {
		if v.Name == name {
			return string(v.ID)
		}
	}
	return ""
}

// found looks a request's ref up and answers 404 when there is no such container.
func (c *Controller) found(w http.ResponseWriter, r *http.Request) (api.Container, bool) {
	c.mu.Lock()
	i := c.index(r.PathValue("ref"))
	var v api.Container
	if i >= 0 {
		v = c.containers[i]
	}
	c.mu.Unlock()
	if i < 0 {
		refuse(w, api.NewProblem(404, api.CodeNotFound, "Not there", "no container %q in project %q", r.PathValue("ref"), "shop"))
	}
	return v, i >= 0
}

func (c *Controller) index(ref string) int {
	return slices.IndexFunc(c.containers, func(v api.Container) bool {
		return ref == string(v.ID) || ref == v.Name || ref == v.Name+"."+v.Project
	})
}

// locked runs f, which answers, with the records to itself.
func (c *Controller) locked(f func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		f(w, r)
	}
}

func (c *Controller) recordRoutes(mux *http.ServeMux) {
	for pattern, f := range map[string]func(http.ResponseWriter, *http.Request){
		"GET " + api.PathWhoami:                                 c.whoami,
		"GET " + api.PathContainers:                             c.listContainers,
		"POST " + api.PathContainers:                            c.createContainer,
		"GET " + api.PathContainers + "/{ref}":                  c.container,
		"PATCH " + api.PathContainers + "/{ref}":                c.container,
		"DELETE " + api.PathContainers + "/{ref}":               c.container,
		"POST " + api.PathContainers + "/{ref}/end":             c.container,
		"GET " + api.PathContainers + "/{ref}/key":              c.container,
		"GET " + api.PathUsers:                                  func(w http.ResponseWriter, _ *http.Request) { page(w, c.users) },
		"POST " + api.PathUsers:                                 c.createUser,
		"PATCH " + api.PathUsers + "/{name}":                    c.updateUser,
		"GET " + api.PathTokens:                                 func(w http.ResponseWriter, _ *http.Request) { page(w, c.tokens) },
		"POST " + api.PathTokens:                                c.createToken,
		"DELETE " + api.PathTokens + "/{id}":                    gone,
		"GET " + api.PathProjects:                               func(w http.ResponseWriter, _ *http.Request) { page(w, c.projects) },
		"POST " + api.PathProjects:                              c.createProject,
		"GET " + api.PathProjects + "/{name}":                   c.project,
		"PATCH " + api.PathProjects + "/{name}":                 c.project,
		"DELETE " + api.PathProjects + "/{name}":                gone,
		"PUT " + api.PathProjects + "/{name}/members/{user}":    c.setMember,
		"DELETE " + api.PathProjects + "/{name}/members/{user}": gone,
		"GET " + api.PathSessions:                               c.listSessions,
		"DELETE " + api.PathSessions + "/{id}":                  gone,
		"GET " + api.PathSettings:                               func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, c.settings) },
		"PATCH " + api.PathSettings:                             c.updateSettings,
	} {
		mux.HandleFunc(pattern, c.locked(f))
	}
}

func page[T any](w http.ResponseWriter, items []T) {
	answer(w, http.StatusOK, api.List[T]{Items: append([]T{}, items...)})
}

func gone(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func (c *Controller) whoami(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, api.Whoami{User: "alice", Admin: true, TokenID: c.tokens[0].ID, Projects: map[string]api.Role{"shop": api.Owner}})
}

// pageLength is short, so that every list of containers has several pages.
const pageLength = 4

func (c *Controller) listContainers(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var items []api.Container
	for _, v := range c.containers {
		if s := q.Get(api.QueryState); s != "" && s != string(v.State) {
			continue
		}
		if p := q.Get(api.QueryProject); p != "" && p != v.Project {
			continue
		}
		items = append(items, v)
	}
	start, _ := strconv.Atoi(q.Get(api.QueryAfter))
	end := min(start+pageLength, len(items))
	l := api.List[api.Container]{Items: append([]api.Container{}, items[start:end]...)}
	if end < len(items) {
		l.Next = strconv.Itoa(end)
	}
	answer(w, http.StatusOK, l)
}

func (c *Controller) createContainer(w http.ResponseWriter, r *http.Request) {
	in, ok := decode[api.CreateContainer](w, r)
	if !ok {
		return
	}
	if err := api.CheckNewName("container", in.Name); err != nil {
		refuse(w, api.NewProblem(400, api.CodeBadRequest, "Name", "%v", err))
		return
	}
	v := api.Container{
		ID: api.ContainerID(newID()), Name: in.Name, Project: in.Project, Owner: "alice", State: api.Queued,
		DockerID: in.DockerID, Labels: in.Labels, ShellAccess: in.ShellAccess, Reusable: true, CreatedAt: ago(0),
	}
	c.containers = append(c.containers, v)
	answer(w, http.StatusCreated, api.CreatedContainer{Container: v, ContainerKey: ContainerKey})
}

func (c *Controller) container(w http.ResponseWriter, r *http.Request) {
	i := c.index(r.PathValue("ref"))
	if i < 0 {
		refuse(w, api.NewProblem(404, api.CodeNotFound, "Not there", "no container %q in project %q", r.PathValue("ref"), "shop"))
		return
	}
	v := &c.containers[i]
	switch {
	case strings.HasSuffix(r.URL.Path, "/key"):
		answer(w, http.StatusOK, api.ContainerKey{ContainerKey: ContainerKey})
	case strings.HasSuffix(r.URL.Path, "/end"):
		in, _ := decode[api.EndContainer](w, r)
		v.State, v.ExitCode, v.EndedAt = api.Ended, in.ExitCode, at(0)
		answer(w, http.StatusOK, *v)
	case r.Method == http.MethodDelete:
		c.containers = slices.Delete(c.containers, i, i+1)
		gone(w, r)
	case r.Method == http.MethodPatch:
		in, _ := decode[api.UpdateContainer](w, r)
		if access, set := in.ShellAccess.Change(); set {
			v.ShellAccess = access
		}
		v.Labels = in.Labels
		answer(w, http.StatusOK, *v)
	default:
		answer(w, http.StatusOK, *v)
	}
}

func (c *Controller) createUser(w http.ResponseWriter, r *http.Request) {
	if in, ok := decode[api.CreateUser](w, r); ok {
		c.users = append(c.users, api.User{Name: in.Name, Admin: in.Admin, CreatedAt: ago(0)})
		answer(w, http.StatusCreated, c.users[len(c.users)-1])
	}
}

func (c *Controller) updateUser(w http.ResponseWriter, r *http.Request) {
	in, _ := decode[api.UpdateUser](w, r)
	i := slices.IndexFunc(c.users, func(u api.User) bool { return u.Name == r.PathValue("name") })
	if i < 0 {
		refuse(w, api.NewProblem(404, api.CodeNotFound, "Not there", "there is no user %q", r.PathValue("name")))
		return
	}
	if in.Disabled != nil {
		c.users[i].Disabled = *in.Disabled
	}
	answer(w, http.StatusOK, c.users[i])
}

func (c *Controller) createToken(w http.ResponseWriter, r *http.Request) {
	in, ok := decode[api.CreateToken](w, r)
	if !ok {
		return
	}
	t := api.Token{ID: api.TokenID(newID()), User: in.User, Note: in.Note, CreatedAt: ago(0)}
	if in.ExpiresSeconds > 0 {
		expires := t.CreatedAt.Add(time.Duration(in.ExpiresSeconds) * time.Second)
		t.ExpiresAt = &expires
	}
	c.tokens = append(c.tokens, t)
	answer(w, http.StatusCreated, api.CreatedToken{Token: t, Secret: "swy_made_by_the_test"})
}

func (c *Controller) createProject(w http.ResponseWriter, r *http.Request) {
	if in, ok := decode[api.CreateProject](w, r); ok {
		c.projects = append(c.projects, api.Project{Name: in.Name, ShellAccess: in.ShellAccess, Members: map[string]api.Role{"alice": api.Owner}, CreatedAt: ago(0)})
		answer(w, http.StatusCreated, c.projects[len(c.projects)-1])
	}
}

func (c *Controller) project(w http.ResponseWriter, r *http.Request) {
	i := slices.IndexFunc(c.projects, func(p api.Project) bool { return p.Name == r.PathValue("name") })
	if i < 0 {
		refuse(w, api.NewProblem(404, api.CodeNotFound, "Not there", "there is no project %q", r.PathValue("name")))
		return
	}
	if r.Method == http.MethodPatch {
		in, _ := decode[api.UpdateProject](w, r)
		if access, set := in.ShellAccess.Change(); set {
			c.projects[i].ShellAccess = access
		}
	}
	answer(w, http.StatusOK, c.projects[i])
}

func (c *Controller) setMember(w http.ResponseWriter, r *http.Request) {
	in, _ := decode[api.SetMember](w, r)
	for _, p := range c.projects {
		if p.Name == r.PathValue("name") {
			p.Members[r.PathValue("user")] = in.Role
		}
	}
	gone(w, r)
}

func (c *Controller) listSessions(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get(api.QueryState) == string(api.SessionsEnded) {
		page[api.Session](w, nil)
		return
	}
	page(w, c.sessions)
}

func (c *Controller) updateSettings(w http.ResponseWriter, r *http.Request) {
	if in, ok := decode[api.UpdateSettings](w, r); ok {
		c.settings.ShellAccess = in.ShellAccess
		answer(w, http.StatusOK, c.settings)
	}
}

// abort makes the kernel send RST instead of FIN.
func abort(conn *upgrade.Conn) {
	below := conn.Conn
	if t, ok := below.(*tls.Conn); ok {
		below = t.NetConn()
	}
	if b, ok := below.(*upgrade.Batch); ok {
		below = b.Conn
	}
	if t, ok := below.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	below.Close()
}
