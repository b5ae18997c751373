// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"

	"switchyard/api"
)

// writeProblem is the one place that writes an error.
func writeProblem(w http.ResponseWriter, r *http.Request, p *api.Problem) {
	h := w.Header()
	h.Set("Content-Type", api.ProblemContentType)
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	switch {
	case p.Status == http.StatusUnauthorized && p.Code == api.CodeTokenMissing:
		h.Set("WWW-Authenticate", "Bearer realm=\"switchyard\"")
	case p.Status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer realm=\"switchyard\", error=\"invalid_token\"") // RFC 6750 section 3.1
	case p.Status == http.StatusUpgradeRequired && r.ProtoMajor == 1:
		// RFC 9110 section 15.5.22 asks for it, RFC 9113 section 8.2.2 forbids it in HTTP/2.
		h.Set("Upgrade", api.ProtocolSSH)
		h.Set("Connection", "Upgrade")
	}
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // the peer may be gone: nobody is left to tell
}

// asProblem finds the problem in an error; nil when it is not for the caller to read.
func asProblem(err error) *api.Problem {
	var p *api.Problem
	if errors.As(err, &p) {
		return p
	}
	return nil
}

func badRequest(format string, args ...any) *api.Problem {
	return api.NewProblem(http.StatusBadRequest, api.CodeBadRequest, "The request is not right", format, args...)
}

func forbidden(format string, args ...any) *api.Problem {
	return api.NewProblem(http.StatusForbidden, api.CodeForbidden, "You may not do this", format, args...)
}

func notFound(format string, args ...any) *api.Problem {
	return api.NewProblem(http.StatusNotFound, api.CodeNotFound, "There is no such thing", format, args...)
}

func conflict(format string, args ...any) *api.Problem {
	return api.NewProblem(http.StatusConflict, api.CodeConflict, "This does not fit what is there", format, args...)
}

func unauthorized(code api.Code, title, format string, args ...any) *api.Problem {
	return api.NewProblem(http.StatusUnauthorized, code, title, format, args...)
}

func internalProblem() *api.Problem {
	return api.NewProblem(http.StatusInternalServerError, api.CodeInternal, "Something went wrong in the controller",
		"the controller failed at this: its log has the cause under the id in \"instance\"")
}

// endedProblem says when a container ended and how.
func endedProblem(c api.Container) *api.Problem {
	p := api.NewProblem(http.StatusGone, api.CodeEnded, "The container has ended", "container %q has ended", qualified(c))
	p.EndedAt, p.ExitCode = c.EndedAt, c.ExitCode
	if c.EndedAt != nil {
		p.Detail += " at " + c.EndedAt.Format("2006-01-02 15:04:05 MST")
	}
	if c.ExitCode != nil {
		p.Detail += " with exit code " + strconv.Itoa(*c.ExitCode)
	}
	return p
}

// qualified is a container's name.project.
func qualified(c api.Container) string { return c.Name + "." + c.Project }
