// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package api

// List is one page of records: what a GET of a collection answers.
type List[T any] struct {
	Items []T    `json:"items"`          // never null
	Next  string `json:"next,omitempty"` // QueryAfter of the next page; empty: this is the last
}

// Limits of a page.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Query parameters of the collections, and of PathCA.
const (
	QueryLimit   = "limit"   // records in a page, 1 to MaxLimit
	QueryAfter   = "after"   // Next of the page before
	QueryProject = "project" // containers and sessions: of this project
	QueryName    = "name"    // containers: of this name
	QueryState   = "state"   // containers: a State; sessions: a SessionState
	QueryUser    = "user"    // sessions and tokens: of this user
	QueryToken   = "token"   // PathCA: proof.TokenHandle
)

// SessionState says which sessions are listed.
type SessionState string

const (
	SessionsLive  SessionState = "live" // the default
	SessionsEnded SessionState = "ended"
	SessionsAll   SessionState = "all"
)

// MaxBody is the longest request body that a controller reads, in bytes.
const MaxBody = 64 << 10
