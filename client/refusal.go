// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"switchyard/api"
	"switchyard/upgrade"
)

// Refusal is the controller's answer when it is not what was asked for. Its text is the sentence for
// the person, with what she can do here. errors.As finds the *api.Problem in it.
type Refusal struct {
	Endpoint Endpoint
	Problem  *api.Problem
}

// Unwrap returns the problem as it was sent.
func (e *Refusal) Unwrap() error { return e.Problem }

// Error returns the problem's own sentence, and the way out where only this side knows it.
func (e *Refusal) Error() string {
	s := trimSentence(e.Problem.Error())
	hint, word := e.hint()
	if hint == "" || strings.Contains(s, word) {
		return s
	}
	return s + ": " + hint
}

// trimSentence takes off what our sentences do not end with.
func trimSentence(s string) string { return strings.TrimRight(s, ". \t\r\n") }

// hint returns what to do next, and the word by which an answer shows that it says so already.
func (e *Refusal) hint() (hint, word string) {
	switch {
	case e.Problem.Code == api.CodeQueued:
		return "use --wait to wait for it", "--wait"
	case e.Problem.Status == http.StatusUnauthorized && e.Problem.Code != api.CodeUserDisabled:
		return fmt.Sprintf("run \"switchyard login %s\"", e.Endpoint), "switchyard login"
	case e.Problem.RetryAfter > 0:
		return fmt.Sprintf("try again in %v", e.Problem.RetryAfter), "again"
	}
	return "", ""
}

// refusal makes a Refusal of an answer. What is no problem document did not come from a controller's
// handler, and is only named, not quoted: it is a page of whatever stands in between.
func (c *Controller) refusal(status int, h http.Header, body []byte) error {
	p := &api.Problem{}
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if media != api.ProblemContentType || json.Unmarshal(body, p) != nil || trimSentence(p.Error()) == "" {
		p = c.foreign(status)
	}
	p.Status = status
	p.RetryAfter = retryAfter(h, time.Now())
	return &Refusal{Endpoint: c.cfg.Endpoint, Problem: p}
}

func (c *Controller) foreign(status int) *api.Problem {
	answer := strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
	return &api.Problem{Detail: fmt.Sprintf("%s answers %q without saying why, as no controller does: check the URL and what stands in between", c.cfg.Endpoint, answer)}
}

// responseError makes the error of a failed upgrade.
func (c *Controller) responseError(e *upgrade.ResponseError) error {
	if e.Status == http.StatusSwitchingProtocols || e.Status == 0 {
		reason := fmt.Sprintf("the answer of %s is not an upgrade to SSH (%s): check the URL and what stands in between", c.cfg.Endpoint, e.Reason)
		return &ReachError{Endpoint: c.cfg.Endpoint, Reason: reason, Err: e}
	}
	return c.refusal(e.Status, e.Header, e.Body)
}

// retryAfter reads the header of that name (RFC 9110 section 10.2.3), 0 when there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil && t.After(now) {
		return t.Sub(now).Round(time.Second)
	}
	return 0
}
