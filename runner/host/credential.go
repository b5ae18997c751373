// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"switchyard/runner/passwd"
	"switchyard/sshd"
)

// isOurs tells whether the account is the one that this process runs as.
func isOurs(a sshd.Account) bool {
	return int(a.UID) == os.Geteuid() && int(a.GID) == os.Getegid()
}

// mayBecome refuses accounts that the kernel would not let us become, with the way out.
func mayBecome(a sshd.Account) error {
	if os.Geteuid() == 0 || isOurs(a) {
		return nil
	}
	return fmt.Errorf("this runner runs as uid %d and cannot start processes as %q: log in without a name, or run it as root",
		os.Geteuid(), a.Name)
}

// credential is how a child becomes the account: nil when it is that already.
func credential(a sshd.Account) (*syscall.Credential, error) {
	if err := mayBecome(a); err != nil {
		return nil, err
	}
	if isOurs(a) {
		return nil, nil
	}
	groups, err := supplementaryGroups(a)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: a.UID, Gid: a.GID, Groups: groups}, nil
}

// supplementaryGroups are the groups that initgroups(3) would set: the account's own and those that list
// it. A login given as a number and a group has none but that group, as with docker exec.
func supplementaryGroups(a sshd.Account) ([]uint32, error) {
	groups := []uint32{a.GID}
	if a.User != a.Name {
		return groups, nil
	}
	text, err := os.ReadFile(groupFile)
	if err != nil {
		return nil, fmt.Errorf("looking for the groups of %q: %w", a.Name, err)
	}
	for _, g := range passwd.ParseGroups(text) {
		if slices.Contains(g.Members, a.Name) && !slices.Contains(groups, g.GID) {
			groups = append(groups, g.GID)
		}
	}
	return groups, nil
}
