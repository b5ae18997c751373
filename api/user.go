// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import "time"

// Role is what a user may do in a project. The order is by power.
type Role string

const (
	Viewer Role = "viewer" // sees the project's containers, may not open a session
	Member Role = "member" // opens sessions as well
	Owner  Role = "owner"  // registers and changes containers, and the project's members, as well
)

// User is a person or an automated process that calls the API.
type User struct {
	Name      string    `json:"name"`
	Admin     bool      `json:"admin"`
	Disabled  bool      `json:"disabled"` // a disabled user's tokens are all refused
	CreatedAt time.Time `json:"created_at"`
}

// CreateUser makes a user.
type CreateUser struct {
	Name  string `json:"name"`
	Admin bool   `json:"admin,omitempty"`
}

// UpdateUser changes a user; a nil field stays as it is.
type UpdateUser struct {
	Admin    *bool `json:"admin,omitempty"`
	Disabled *bool `json:"disabled,omitempty"`
}

// Whoami is the caller, as the controller sees it.
type Whoami struct {
	User      string          `json:"user"`
	Admin     bool            `json:"admin"`
	TokenID   TokenID         `json:"token_id"`
	ExpiresAt *time.Time      `json:"expires_at,omitempty"` // the token's
	Projects  map[string]Role `json:"projects"`
}

// Project is a group of containers and of the users that may reach them.
type Project struct {
	Name        string          `json:"name"`
	ShellAccess *bool           `json:"shell_access,omitempty"` // false: nobody opens a session in this project
	Members     map[string]Role `json:"members"`
	CreatedAt   time.Time       `json:"created_at"`
}

// CreateProject makes a project; its creator becomes its owner.
type CreateProject struct {
	Name        string `json:"name"`
	ShellAccess *bool  `json:"shell_access,omitempty"`
}

// UpdateProject changes a project; a zero field stays as it is.
type UpdateProject struct {
	ShellAccess SwitchChange `json:"shell_access,omitzero"`
}

// SetMember gives a user a role in a project.
type SetMember struct {
	Role Role `json:"role"`
}

// TokenPrefix begins every API token, so that scanners of leaked secrets can find one.
const TokenPrefix = "swy_"

// Token is an API token's record. The token itself is shown once, in CreatedToken.
type Token struct {
	ID         TokenID    `json:"id"`
	User       string     `json:"user"`
	Note       string     `json:"note,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"` // nil: never
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"` // to the minute
}

// CreateToken makes a token. Only an admin names a user other than herself.
type CreateToken struct {
	User           string `json:"user,omitempty"`
	Note           string `json:"note,omitempty"`
	ExpiresSeconds int64  `json:"expires_seconds,omitempty"` // from now; 0: never
}

// CreatedToken is the answer to CreateToken, the only time the token is shown.
type CreatedToken struct {
	Token
	Secret string `json:"token"`
}
