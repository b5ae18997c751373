// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"net/url"
	"time"
)

// RoutesForTest lists what is routed, as "METHOD pattern".
func RoutesForTest() []string {
	var list []string
	for _, rt := range routes {
		list = append(list, rt.method+" "+rt.pattern)
	}
	return list
}

// PatternForTest is the pattern that a request is routed by, "" for none.
func PatternForTest(method string, u *url.URL) string {
	rt, _, _ := find(method, u)
	if rt == nil {
		return ""
	}
	return rt.pattern
}

// PanicForTest is a path whose handler panics while the returned function has not been called.
func PanicForTest(path string) (restore func()) {
	old := routes
	routes = append(routes[:len(routes):len(routes)], route{"GET", path, anybody, func(*Controller, *call) error { panic("a handler\nfailed") }})
	return func() { routes = old }
}

// HurryForTest makes the time that a client has for TLS and a head so many times shorter. It is called before
// Serve.
func (c *Controller) HurryForTest(times time.Duration) { c.server.ReadHeaderTimeout /= times }
