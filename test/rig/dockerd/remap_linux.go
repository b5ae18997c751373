// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package dockerd

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// RemappedRoot is the machine's uid and gid of root in the containers of an
	// engine that remaps users; other ids follow in order.
	RemappedRoot = 2_000_000
	// remappedIDs is how many ids a container has.
	remappedIDs = 65536
	// remapUser has to be a user and a group of the machine, and nothing more:
	// the engine looks its ranges up by the name (subuid(5)).
	remapUser = "daemon"
)

// remapUsers prepares the calling thread's mount namespace for an engine that
// remaps users, and returns the flags for it. The machine's own ranges are not
// touched: files of ours are mounted over those that hold them.
func remapUsers(dir *directory) ([]string, error) {
	// Root of a container has to get through to its layers.
	if err := os.Chmod(dir.path, 0o711); err != nil {
		return nil, err
	}
	ranges := fmt.Sprintf("%s:%d:%d\n", remapUser, RemappedRoot, remappedIDs)
	if err := os.WriteFile(dir.file("ranges"), []byte(ranges), 0o644); err != nil {
		return nil, err
	}
	for _, path := range []string{"/etc/subuid", "/etc/subgid"} {
		if err := unix.Mount(dir.file("ranges"), path, "", unix.MS_BIND, ""); err != nil {
			return nil, fmt.Errorf("mounting over %q: %w (it need not hold anything, but be there)", path, err)
		}
	}
	return []string{"--userns-remap", remapUser}, nil
}
