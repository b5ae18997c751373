// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"switchyard/api"
)

// access says who may call a route; what a handler decides for itself comes after.
type access int

const (
	anybody      access = iota // also a handler that authenticates in an order of its own
	users                      // who has a token
	admins                     // who has an admin's token
	usersRunners               // who has a token, and the container's own runner
	runners                    // the container's own runner
)

// route is one method of one path.
type route struct {
	method  string
	pattern string // segments in braces are parameters
	access  access
	handle  func(*Controller, *call) error
}

// routes is the whole API. docs/openapi.yaml says the same, and a test holds the two together.
var routes = []route{
	{http.MethodGet, api.PathHealth, anybody, (*Controller).health},
	{http.MethodGet, api.PathReady, anybody, (*Controller).ready},
	{http.MethodGet, api.PathMetrics, anybody, (*Controller).scrape},
	{http.MethodGet, api.PathCA, anybody, (*Controller).authorities},

	{http.MethodGet, api.PathWhoami, users, (*Controller).whoami},
	{http.MethodGet, api.PathSettings, users, (*Controller).getSettings},
	{http.MethodPatch, api.PathSettings, admins, (*Controller).updateSettings},

	{http.MethodGet, api.PathUsers, admins, (*Controller).listUsers},
	{http.MethodPost, api.PathUsers, admins, (*Controller).createUser},
	{http.MethodGet, api.PathUsers + "/{user}", users, (*Controller).getUser},
	{http.MethodPatch, api.PathUsers + "/{user}", admins, (*Controller).updateUser},

	{http.MethodGet, api.PathProjects, users, (*Controller).listProjects},
	{http.MethodPost, api.PathProjects, admins, (*Controller).createProject},
	{http.MethodGet, api.PathProjects + "/{project}", users, (*Controller).getProject},
	{http.MethodPatch, api.PathProjects + "/{project}", users, (*Controller).updateProject},
	{http.MethodDelete, api.PathProjects + "/{project}", admins, (*Controller).deleteProject},
	{http.MethodPut, api.PathProjects + "/{project}/members/{user}", users, (*Controller).setMember},
	{http.MethodDelete, api.PathProjects + "/{project}/members/{user}", users, (*Controller).removeMember},

	{http.MethodGet, api.PathTokens, users, (*Controller).listTokens},
	{http.MethodPost, api.PathTokens, users, (*Controller).createToken},
	{http.MethodGet, api.PathTokens + "/{token}", users, (*Controller).getToken},
	{http.MethodDelete, api.PathTokens + "/{token}", users, (*Controller).revokeToken},

	{http.MethodGet, api.PathContainers, users, (*Controller).listContainers},
	{http.MethodPost, api.PathContainers, users, (*Controller).createContainer},
	{http.MethodGet, api.PathContainers + "/{ref}", usersRunners, (*Controller).getContainer},
	{http.MethodPatch, api.PathContainers + "/{ref}", users, (*Controller).updateContainer},
	{http.MethodDelete, api.PathContainers + "/{ref}", users, (*Controller).deleteContainer},
	{http.MethodGet, api.PathContainers + "/{ref}/key", users, (*Controller).containerKey},
	{http.MethodPost, api.PathContainers + "/{ref}/end", usersRunners, (*Controller).endContainer},
	{http.MethodPost, api.PathContainers + "/{ref}/runner", runners, (*Controller).reportRunner},
	{http.MethodGet, api.PathContainers + "/{ref}/ssh", anybody, (*Controller).probeSSH},
	{http.MethodPost, api.PathContainers + "/{ref}/ssh", anybody, (*Controller).openSSH},

	{http.MethodGet, api.PathSessions, users, (*Controller).listSessions},
	{http.MethodGet, api.PathSessions + "/{session}", users, (*Controller).getSession},
	{http.MethodDelete, api.PathSessions + "/{session}", users, (*Controller).closeSession},
}

// find returns the route of a request and its parameters, or else the methods that the path has, none
// when there is no such path. The path is matched as it was sent, segment by segment, so that an escaped
// slash stays inside its segment and nothing is redirected.
func find(method string, u *url.URL) (rt *route, params map[string]string, allowed []string) {
	segments := strings.Split(u.EscapedPath(), "/")
	for i := range routes {
		params, ok := match(routes[i].pattern, segments)
		switch {
		case !ok:
		case routes[i].method == method, routes[i].method == http.MethodGet && method == http.MethodHead:
			return &routes[i], params, nil
		default:
			allowed = append(allowed, routes[i].method)
		}
	}
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	return nil, nil, allowed
}

func match(pattern string, segments []string) (map[string]string, bool) {
	want := strings.Split(pattern, "/")
	if len(want) != len(segments) {
		return nil, false
	}
	var params map[string]string
	for i, w := range want {
		got, err := url.PathUnescape(segments[i])
		switch {
		case err != nil, got == "" && w != "":
			return nil, false
		case strings.HasPrefix(w, "{"):
			if params == nil {
				params = map[string]string{}
			}
			params[strings.Trim(w, "{}")] = got
		case w != got:
			return nil, false
		}
	}
	return params, true
}
