// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import "time"

// Session is one connection of one user to one target.
type Session struct {
	ID            SessionID   `json:"id"`
	User          string      `json:"user"`
	ContainerID   ContainerID `json:"container_id"`
	Container     string      `json:"container"` // its name
	Project       string      `json:"project"`
	ClientAddress string      `json:"client_address"` // "host:port" as the controller saw it, "unix" for a socket
	StartedAt     time.Time   `json:"started_at"`
	EndedAt       *time.Time  `json:"ended_at,omitempty"` // nil: live
	// BytesIn came from the client, BytesOut went to it, of SSH as it is on the wire.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
}

// ShellAccess is the system-wide switch for sessions.
type ShellAccess string

const (
	ShellDisabled ShellAccess = "disabled" // nobody opens a session
	ShellAdmin    ShellAccess = "admin"    // only admins do
	ShellOptIn    ShellAccess = "opt-in"   // only in containers registered with shell_access true
	ShellOptOut   ShellAccess = "opt-out"  // in all but those registered with shell_access false
)

// ShellAccessValues lists the values of the switch, for flags and errors.
var ShellAccessValues = []ShellAccess{ShellDisabled, ShellAdmin, ShellOptIn, ShellOptOut}

// Settings are the installation's switches that change at run time.
type Settings struct {
	ShellAccess ShellAccess `json:"shell_access"`
}

// UpdateSettings changes settings. Running sessions go on unless CloseSessions is set, which closes
// those that the new setting would refuse.
type UpdateSettings struct {
	ShellAccess   ShellAccess `json:"shell_access,omitempty"`
	CloseSessions bool        `json:"close_sessions,omitempty"`
}

// Authorities are the installation's certificate authorities: public, and the same for everybody.
type Authorities struct {
	TLS  string `json:"tls"`  // X.509 certificate that signs the controller's own, PEM; empty with --tls-cert
	Host string `json:"host"` // SSH host certificate authority, authorized_keys form
	// Proof is there when the query names a token by its handle: see package proof, Authority.
	Proof string `json:"proof,omitempty"`
}
