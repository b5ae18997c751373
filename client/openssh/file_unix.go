// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package openssh

import (
	"fmt"
	"io/fs"
	"syscall"
)

// checkOurs refuses a file that the user has not made, or has made read-only. Replacing it would take no
// more than a directory that she may write. Root writes everybody's, and leaves them theirs.
func checkOurs(path string, info fs.FileInfo, euid int) error {
	if mode := info.Mode().Perm(); mode&0o200 == 0 {
		return fmt.Errorf("%q is read-only (mode %04o): run chmod u+w %[1]q, or name another file with --file", path, mode)
	}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok && euid != 0 && int(sys.Uid) != euid {
		return fmt.Errorf("%q belongs to another user (uid %d): name a file of your own with --file", path, sys.Uid)
	}
	return nil
}
