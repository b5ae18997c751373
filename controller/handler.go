// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"switchyard/api"
)

// ServeHTTP answers one request. It is for listeners of one's own; Serve does it for ours.
func (c *Controller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &call{w: &recorder{ResponseWriter: w}, r: r, id: uuid.NewString()}
	x.log = c.log.WithField("request", x.id)
	began := time.Now()
	defer func() { c.finish(x, began, recover()) }()

	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if err := c.answer(x); err != nil {
		c.fail(x, err)
	}
}

// answer finds the route, the caller, and lets the handler do the rest.
func (c *Controller) answer(x *call) error {
	rt, params, allowed := find(x.r.Method, x.r.URL)
	switch {
	case rt == nil && allowed == nil:
		return notFound("there is no path %.200q here", x.r.URL.Path)
	case rt == nil:
		x.w.Header().Set("Allow", strings.Join(allowed, ", "))
		return api.NewProblem(http.StatusMethodNotAllowed, api.CodeMethodNotAllowed, "This method is not for this path",
			"%.20q is not for this path: use one of %s", x.r.Method, strings.Join(allowed, ", "))
	}
	x.route, x.params = rt, params
	if err := c.admit(x); err != nil {
		return err
	}
	return rt.handle(c, x)
}

// fail answers with an error, unless there has been an answer.
func (c *Controller) fail(x *call, err error) {
	if x.w.status != 0 {
		x.log.WithError(err).Info("a request ended after its answer had begun")
		return
	}
	p := asProblem(err)
	if p == nil {
		x.log.WithError(err).Error("a request failed")
		p = internalProblem()
	}
	shown := *p // a problem may be shared between calls
	shown.Instance = "urn:uuid:" + x.id
	if x.route != nil && x.route.isSSH() {
		c.metrics.refused(shown.Code)
	}
	writeProblem(x.w, x.r, &shown)
}

// finish is deferred: it answers for a handler that panicked, and notes the request.
func (c *Controller) finish(x *call, began time.Time, panicked any) {
	if panicked != nil {
		if panicked == http.ErrAbortHandler {
			panic(panicked)
		}
		x.log.WithField("stack", string(debug.Stack())).Errorf("a handler panicked: %q", fmt.Sprint(panicked))
		c.fail(x, internalProblem())
	}
	pattern := "none"
	if x.route != nil {
		pattern = x.route.pattern
	}
	c.metrics.request(x, pattern)
	c.logAccess(x, pattern, time.Since(began))
}

// logAccess writes one line per request: what changes something or fails is worth reading, what comes over
// and over is not.
func (c *Controller) logAccess(x *call, pattern string, took time.Duration) {
	level := logrus.InfoLevel
	quiet := x.route != nil && (x.route.method == http.MethodGet || x.route.access == runners)
	if quiet && x.w.status < http.StatusBadRequest {
		level = logrus.DebugLevel
	}
	entry := x.log.WithFields(logrus.Fields{
		"method": clip(x.r.Method, 20), "path": clip(x.r.URL.Path, 300), "route": pattern, "status": x.w.status,
		"caller": x.caller.String(), "client": x.clientAddress(), "took": took.Round(time.Microsecond).String(),
	})
	if v := x.r.Header.Get(api.HeaderClient); v != "" {
		entry = entry.WithField("agent", clip(v, 100))
	}
	switch level {
	case logrus.DebugLevel:
		entry.Debug("request")
	default:
		entry.Info("request")
	}
}

// clip bounds what is logged of the input, and quotes what would be read as something else.
func clip(s string, most int) string {
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.Trim(fmt.Sprintf("%q", s), "\"")
}
