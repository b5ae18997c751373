// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/uuid"
)

// ContainerID is the controller's own id of a container record, a UUID such as
// "0198c7de-93c1-7a43-8b4d-2f3fd3f0f6a5". It is not Docker's id.
type ContainerID string

// SessionID is the id of one connection of one user to one target, a UUID.
type SessionID string

// TokenID is the public id of an API token, a UUID; it is not the token.
type TokenID string

// Ref is how a person names a container: an id, a name, or name.project.
type Ref string

// MaxNameLength is the longest name of a container, project or user, in bytes. It is that of a
// DNS label (RFC 1035 section 2.3.4), since names are used as host names and principals.
const MaxNameLength = 63

var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$`)

// CheckName refuses what cannot name a container, a project or a user. kind is the word for the
// error, such as "container". OpenSSH lower-cases host names before it compares them with a
// certificate's principals, so upper case is refused here.
func CheckName(kind, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the %s name is empty: give it 1 to %d characters", kind, MaxNameLength)
	case len(name) > MaxNameLength:
		return fmt.Errorf("the %s name %.80q has %d characters: %d is the most", kind, name, len(name), MaxNameLength)
	case !nameForm.MatchString(name):
		return fmt.Errorf("the %s name %q does not fit: use a-z, 0-9, \"-\" and \"_\", with a letter or digit first and last", kind, name)
	case uuid.Validate(name) == nil:
		return fmt.Errorf("the %s name %q has the form of an id: choose one that does not", kind, name)
	}
	return nil
}

// HostSuffix is the last label of the host names by which ssh_config blocks and host certificates call
// containers: "web.switchyard", "web.shop.switchyard".
const HostSuffix = "switchyard"

// CheckNewName is CheckName for what is about to be made. It also refuses HostSuffix as a container's
// and a project's name: "web.switchyard" is the container "web", and not one of a project "switchyard".
func CheckNewName(kind, name string) error {
	if name == HostSuffix {
		return fmt.Errorf("the %s name %q is reserved for the host names of containers, such as \"web.%[2]s\": choose another", kind, name)
	}
	return CheckName(kind, name)
}

// ParseRef takes a ref apart. Exactly one of id and name is set; project is empty when the ref
// does not name one.
func ParseRef(ref Ref) (id ContainerID, name, project string, err error) {
	s := string(ref)
	if uuid.Validate(s) == nil {
		return ContainerID(strings.ToLower(s)), "", "", nil
	}
	name, project, dotted := strings.Cut(s, ".")
	if err := CheckName("container", name); err != nil {
		return "", "", "", fmt.Errorf("%q is no container: %w", clip(s), err)
	}
	if !dotted {
		return "", name, "", nil
	}
	if err := CheckName("project", project); err != nil {
		return "", "", "", fmt.Errorf("%q is no container: %w", clip(s), err)
	}
	return "", name, project, nil
}

// clip bounds what an error quotes of the input.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
