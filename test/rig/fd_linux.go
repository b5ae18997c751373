// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"maps"

	"golang.org/x/sys/unix"
)

// spliceSize is the size, in bytes, of the pipes by which Go's net package copies
// from one connection to another with splice(2). It keeps them for later copies,
// until two collections of garbage have found them unused.
const spliceSize = 1 << 20

// withoutSplice leaves out those pipes: of their size, and with both ends here.
func withoutSplice(fds map[int]string) map[int]string {
	ends := map[string]int{}
	for _, target := range fds {
		ends[target]++
	}
	maps.DeleteFunc(fds, func(fd int, target string) bool {
		size, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)
		return err == nil && size == spliceSize && ends[target] == 2
	})
	return fds
}
