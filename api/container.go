// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import "time"

// State is where a container is in its life. It only moves forward.
type State string

const (
	Queued  State = "queued"  // registered, no runner has reported yet
	Running State = "running" // a runner serves it
	Ended   State = "ended"   // it exited, or its record was ended
)

// MaxExecReason is how many bytes ReportRunner.ExecReason may have.
const MaxExecReason = 500

// Container is a container record. Times are UTC.
type Container struct {
	ID      ContainerID       `json:"id"`
	Name    string            `json:"name"` // unique among the project's containers that have not ended
	Project string            `json:"project"`
	Owner   string            `json:"owner"` // the user that registered it
	Labels  map[string]string `json:"labels,omitempty"`

	DockerID string `json:"docker_id,omitempty"` // the engine's container id, as registered
	Node     string `json:"node,omitempty"`      // the name of the machine, as its runner reports it

	State    State  `json:"state"`
	ExitCode *int   `json:"exit_code,omitempty"` // set when State is Ended and the code is known
	Exec     string `json:"exec,omitempty"`      // how the runner starts processes: "docker", "runc", "host"
	// ExecReason says why processes are started by docker exec. It is empty for the other ways, and where the
	// runner is of a version that does not tell.
	ExecReason string `json:"exec_reason,omitempty"`

	// RunnerAddress is "host:port". Only admins are shown it.
	RunnerAddress string `json:"runner_address,omitempty"`
	HostKey       string `json:"host_key,omitempty"` // SSH public key, authorized_keys form

	ShellAccess *bool `json:"shell_access,omitempty"` // nil: the system-wide default decides
	// Reusable turns false for good when the first session opens: a dispatcher must not hand
	// this container to another job once somebody has been inside.
	Reusable     bool       `json:"reusable"`
	OpenedAt     *time.Time `json:"opened_at,omitempty"`      // the first session
	LastOpenedAt *time.Time `json:"last_opened_at,omitempty"` // the latest session
	Sessions     int        `json:"sessions"`                 // live ones

	CreatedAt time.Time  `json:"created_at"`
	StartedAt *time.Time `json:"started_at,omitempty"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
}

// CreateContainer registers a container.
type CreateContainer struct {
	Name        string            `json:"name"`
	Project     string            `json:"project,omitempty"` // empty: the caller's only project, else an error lists them
	DockerID    string            `json:"docker_id,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	ShellAccess *bool             `json:"shell_access,omitempty"`
}

// CreatedContainer is the answer to CreateContainer: the record and the key its runner needs.
type CreatedContainer struct {
	Container
	ContainerKey string `json:"container_key"`
}

// UpdateContainer changes a container record; a zero field stays as it is.
type UpdateContainer struct {
	ShellAccess SwitchChange      `json:"shell_access,omitzero"`
	Labels      map[string]string `json:"labels,omitempty"`
}

// ContainerKey is the answer of the key endpoint.
type ContainerKey struct {
	ContainerKey string `json:"container_key"`
}

// ReportRunner is what a runner tells of itself when it starts, after a controller restart and
// to renew its certificate. It is signed with the container key.
type ReportRunner struct {
	Address  string `json:"address"`             // "host:port" the controller dials, exactly as the address key uses it
	HostKey  string `json:"host_key"`            // SSH public key, authorized_keys form
	Node     string `json:"node"`                // the machine's name
	DockerID string `json:"docker_id,omitempty"` // full engine id of the container it serves
	Exec     string `json:"exec,omitempty"`
	// ExecReason is as in Container: one printable line of at most MaxExecReason bytes. A controller of an earlier
	// version refuses a report that has it, with CodeBadRequest.
	ExecReason string `json:"exec_reason,omitempty"`
}

// RunnerReported is the answer to ReportRunner.
type RunnerReported struct {
	Name            string    `json:"name"` // the container's name, for messages to its users
	Project         string    `json:"project"`
	HostCertificate string    `json:"host_certificate"` // SSH certificate, authorized_keys form
	RenewAt         time.Time `json:"renew_at"`         // report again by then
}

// EndContainer says that a container has ended. Its runner sends it, or an owner of the project.
type EndContainer struct {
	ExitCode *int `json:"exit_code,omitempty"` // nil: unknown
}
