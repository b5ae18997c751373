// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"time"
)

// ProblemContentType is the media type of every error (RFC 9457 section 3).
const ProblemContentType = "application/problem+json"

// Code names one kind of refusal. It is stable: clients decide on it, not on the text.
// A Problem's type member is "urn:switchyard:problem:" + Code.
type Code string

const (
	CodeTokenMissing     Code = "token-missing"      // 401
	CodeTokenInvalid     Code = "token-invalid"      // 401
	CodeTokenExpired     Code = "token-expired"      // 401
	CodeTokenRevoked     Code = "token-revoked"      // 401
	CodeUserDisabled     Code = "user-disabled"      // 401
	CodeSignature        Code = "signature-invalid"  // 401, a runner's
	CodeNotFound         Code = "not-found"          // 404
	CodeForbidden        Code = "forbidden"          // 403
	CodeShellOff         Code = "shell-access-off"   // 403
	CodeAmbiguous        Code = "ambiguous"          // 409
	CodeConflict         Code = "conflict"           // 409
	CodeQueued           Code = "container-queued"   // 503 with Retry-After
	CodeEnded            Code = "container-ended"    // 410
	CodeRunner           Code = "runner-unreachable" // 502
	CodeUpgradeRequired  Code = "upgrade-required"   // 426
	CodeTooMany          Code = "too-many"           // 429 with Retry-After
	CodeDraining         Code = "draining"           // 503 with Retry-After
	CodeBadRequest       Code = "bad-request"        // 400
	CodeTooLarge         Code = "too-large"          // 413
	CodeMethodNotAllowed Code = "method-not-allowed" // 405
	CodeInternal         Code = "internal"           // 500
)

// ProblemTypePrefix precedes the Code in a Problem's type member.
const ProblemTypePrefix = "urn:switchyard:problem:"

// Problem is an error as it travels (RFC 9457). Detail is one sentence for a person: what is wrong
// and what to do next. It never holds a token, a key, a proof or an address of the inside.
type Problem struct {
	Type     string     `json:"type"`
	Title    string     `json:"title"`
	Status   int        `json:"status"`
	Detail   string     `json:"detail"`
	Code     Code       `json:"code"`
	Instance string     `json:"instance,omitempty"` // "urn:uuid:" + the request or session id, for the log
	EndedAt  *time.Time `json:"ended_at,omitempty"`
	ExitCode *int       `json:"exit_code,omitempty"`
	Node     string     `json:"node,omitempty"`

	// RetryAfter travels in the header of that name, in whole seconds; 0: none.
	RetryAfter time.Duration `json:"-"`
}

// NewProblem makes a problem with its type filled in.
func NewProblem(status int, code Code, title, format string, args ...any) *Problem {
	return &Problem{
		Type: ProblemTypePrefix + string(code), Title: title, Status: status,
		Code: code, Detail: fmt.Sprintf(format, args...),
	}
}

// Error returns the sentence for the person.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}
