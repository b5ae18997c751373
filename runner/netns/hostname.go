// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netns

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Hostname is the host name that the process sees: uname(2) in its UTS namespace.
func (p *Process) Hostname() (name string, err error) {
	var uts unix.Utsname
	onThread(func() bool {
		if err = p.enter(unix.CLONE_NEWUTS); err == nil {
			err = unix.Uname(&uts)
		}
		return false
	})
	if err != nil {
		return "", fmt.Errorf("asking for the container's host name: %w", err)
	}
	return unix.ByteSliceToString(uts.Nodename[:]), nil
}
