// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"time"

	"switchyard/api"
	"switchyard/proof"
)

// Errors of a [Store]. Everything else is a failure of the database.
var (
	ErrNotFound  = errors.New("no such record")
	ErrExists    = errors.New("there is such a record already")
	ErrInUse     = errors.New("other records refer to this one")
	ErrLastAdmin = errors.New("this is the last admin")
	ErrNotEnded  = errors.New("the container has not ended")
	ErrEnded     = errors.New("the container has ended")
	ErrOtherID   = errors.New("the runner serves another Docker container")
	ErrServed    = errors.New("the container has a runner at another address")
)

// Store keeps the records. Every method is atomic, durable when it returns, and safe for concurrent
// use; ctx bounds it whole. Times are kept to the microsecond, in UTC.
type Store interface {
	UserStore
	ProjectStore
	TokenStore
	ContainerStore
	SessionStore
	SettingStore

	// Ping tells whether the database answers.
	Ping(ctx context.Context) error
}

// Eyes say whose view of the records is asked for. A record that they may not see is ErrNotFound,
// from the same query as one that does not exist.
type Eyes struct {
	User string
	All  bool // an admin's
}

// Page is a part of a list: at most Limit records after the one with the key After.
type Page struct {
	After string
	Limit int
}

// UserStore keeps users.
type UserStore interface {
	CreateUser(ctx context.Context, u api.User) error // ErrExists
	User(ctx context.Context, name string) (api.User, error)
	Users(ctx context.Context, p Page) ([]api.User, error) // by name
	// UpdateUser refuses with ErrLastAdmin what would leave no enabled admin.
	UpdateUser(ctx context.Context, name string, u api.UpdateUser) (api.User, error)
	Memberships(ctx context.Context, user string) (map[string]api.Role, error)
	// Bootstrap makes the first admin, a project that is hers and her token, unless there is any user.
	Bootstrap(ctx context.Context, u api.User, project string, t TokenRecord) (made bool, err error)
}

// ProjectStore keeps projects and their members.
type ProjectStore interface {
	CreateProject(ctx context.Context, p api.Project) error // with its members; ErrExists
	Project(ctx context.Context, e Eyes, name string) (api.Project, error)
	Projects(ctx context.Context, e Eyes, p Page) ([]api.Project, error) // by name
	UpdateProject(ctx context.Context, name string, u api.UpdateProject) (api.Project, error)
	DeleteProject(ctx context.Context, name string) error                  // ErrInUse while it has containers
	SetMember(ctx context.Context, project, user string, r api.Role) error // ErrNotFound: no such user
	RemoveMember(ctx context.Context, project, user string) error          // ErrNotFound: not a member
}

// TokenRecord is a token as it is stored.
type TokenRecord struct {
	api.Token
	Digest [proof.Size]byte
}

// TokenStore keeps tokens.
type TokenStore interface {
	CreateToken(ctx context.Context, t TokenRecord) error // ErrNotFound: no such user
	// TokenByDigest finds a token, revoked or expired ones too, and its user.
	TokenByDigest(ctx context.Context, digest [proof.Size]byte) (api.Token, api.User, error)
	DigestByHandle(ctx context.Context, handle string) ([proof.Size]byte, error)
	Token(ctx context.Context, id api.TokenID) (api.Token, error)
	Tokens(ctx context.Context, user string, p Page) ([]api.Token, error) // newest first; user "": everybody's
	RevokeToken(ctx context.Context, id api.TokenID, at time.Time) error  // keeps the first time
	TouchToken(ctx context.Context, id api.TokenID, at time.Time) error
}

// Found is a container and what decides who may do what with it.
type Found struct {
	api.Container
	Role         api.Role // of the eyes' user in its project; "": none
	ProjectShell *bool    // the project's shell_access
}

// Query says which container is meant: by id, or by name and perhaps project.
type Query struct {
	ID      api.ContainerID
	Name    string
	Project string
}

// ContainerFilter narrows a list of containers. A zero field does not.
type ContainerFilter struct {
	Project string
	Name    string
	States  []api.State
}

// ContainerStore keeps container records.
type ContainerStore interface {
	CreateContainer(ctx context.Context, c api.Container) error // ErrExists: the name is taken; ErrNotFound: no such project
	Container(ctx context.Context, id api.ContainerID) (api.Container, error)
	// FindContainers returns, of every project that the eyes see, the container that is meant: the
	// live one of that name, else the one that ended last.
	FindContainers(ctx context.Context, e Eyes, q Query) ([]Found, error)
	Containers(ctx context.Context, e Eyes, f ContainerFilter, p Page) ([]api.Container, error) // newest first
	UpdateContainer(ctx context.Context, id api.ContainerID, u api.UpdateContainer) (api.Container, error)
	// ReportRunner notes where the runner is and makes a queued container a running one. Runners report
	// over and over: what changes nothing is not written. ErrEnded, with the container; ErrOtherID when
	// the record names a Docker container that is not the reported one; ErrServed, with the container, when
	// it names an address that is neither the reported one nor over.
	ReportRunner(ctx context.Context, id api.ContainerID, r api.ReportRunner, over string, at time.Time) (c api.Container, changed bool, err error)
	// EndContainer ends it. A container that has ended stays so; an exit code that was not known is added.
	EndContainer(ctx context.Context, id api.ContainerID, exitCode *int, at time.Time) (api.Container, error)
	DeleteContainer(ctx context.Context, id api.ContainerID) error // ErrNotEnded
}

// SessionFilter narrows a list of sessions. A zero field does not, but State "" means live.
type SessionFilter struct {
	Project string
	User    string
	State   api.SessionState
}

// SessionStore keeps sessions, live and past.
type SessionStore interface {
	// OpenSession records a session of the named controller and stamps its container as opened.
	// ErrEnded when the container runs no more.
	OpenSession(ctx context.Context, s api.Session, controller string) error
	EndSession(ctx context.Context, id api.SessionID, at time.Time, in, out int64) error
	// EndSessionsOf ends what a controller of that name left open when it died.
	EndSessionsOf(ctx context.Context, controller string, at time.Time) (int, error)
	// Session and Sessions show a user her own sessions, and those of the projects she owns.
	Session(ctx context.Context, e Eyes, id api.SessionID) (api.Session, error)
	Sessions(ctx context.Context, e Eyes, f SessionFilter, p Page) ([]api.Session, error) // newest first
}

// SettingStore keeps the installation's switches.
type SettingStore interface {
	Setting(ctx context.Context, name string) (string, error) // ErrNotFound: never set
	SetSetting(ctx context.Context, name, value string) error
}
