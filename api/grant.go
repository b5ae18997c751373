// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Feature is something that a connection may do.
type Feature string

const (
	FeatureShell         Feature = "shell"          // session channels: shell, exec and subsystems, with pty and env
	FeatureLocalForward  Feature = "local-forward"  // direct-tcpip and direct-streamlocal@openssh.com (ssh -L, -D, -W)
	FeatureRemoteForward Feature = "remote-forward" // tcpip-forward and streamlocal-forward@openssh.com (ssh -R)
	FeatureAgentForward  Feature = "agent-forward"  // auth-agent-req@openssh.com (ssh -A)
	FeatureX11Forward    Feature = "x11-forward"    // x11-req (ssh -X)
)

// AllFeatures lists every feature, in the order above.
func AllFeatures() []Feature {
	return []Feature{FeatureShell, FeatureLocalForward, FeatureRemoteForward, FeatureAgentForward, FeatureX11Forward}
}

// MaxGrantLength is the longest encoded grant, in bytes.
const MaxGrantLength = 8 << 10

// GrantLifetime is how long after its making a grant may be shown to a runner. The proof's binding to
// the TLS session is what stops a replay; this bounds a controller whose clock or queue is far off.
const GrantLifetime = 5 * time.Minute

// Grant is what one connection may do. The controller makes it, the runner enforces it, and the
// request proof covers its encoded form byte for byte.
type Grant struct {
	SessionID   SessionID   `json:"session_id"`
	ContainerID ContainerID `json:"container_id"`
	User        string      `json:"user"` // the switchyard user, for logs
	// LocalUser is the user's name on her own machine. OpenSSH sends it when she named no login, so
	// when it is the SSH user name and no login of the container, the container's default user is meant.
	LocalUser     string    `json:"local_user,omitempty"`
	ClientAddress string    `json:"client_address,omitempty"` // "host:port", for SSH_CONNECTION and logs
	Logins        []string  `json:"logins,omitempty"`         // empty: any login of the container
	Features      []Feature `json:"features"`
	IssuedAt      time.Time `json:"issued_at"`
}

// Encode returns the grant as its header holds it: base64url (RFC 4648 section 5, no padding) of JSON.
func (g Grant) Encode() (string, error) {
	b, err := json.Marshal(g)
	if err != nil {
		return "", fmt.Errorf("encoding the grant: %v", err)
	}
	s := base64.RawURLEncoding.EncodeToString(b)
	if len(s) > MaxGrantLength {
		return "", fmt.Errorf("the grant has %d bytes: %d is the most", len(s), MaxGrantLength)
	}
	return s, nil
}

// DecodeGrant reads what Encode wrote. It is called only after the proof has been checked, but does
// not rely on it.
func DecodeGrant(s string) (Grant, error) {
	var g Grant
	if len(s) > MaxGrantLength {
		return g, fmt.Errorf("the grant has %d bytes: %d is the most", len(s), MaxGrantLength)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return g, errors.New("the grant is not base64url")
	}
	if err := json.Unmarshal(b, &g); err != nil {
		return g, errors.New("the grant is not JSON of a grant")
	}
	if g.SessionID == "" || g.ContainerID == "" || g.User == "" {
		return g, errors.New("the grant lacks its session, container or user")
	}
	return g, nil
}

// Allows tells whether the grant lists the feature.
func (g Grant) Allows(f Feature) bool {
	for _, have := range g.Features {
		if have == f {
			return true
		}
	}
	return false
}
