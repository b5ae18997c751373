// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package wholefile

import (
	"io/fs"
	"os"
	"syscall"
)

// resemble gives f the owner, group and mode of another file, where it does not have them.
func resemble(f *os.File, like fs.FileInfo) error {
	want, ok := like.Sys().(*syscall.Stat_t)
	if !ok {
		return f.Chmod(like.Mode().Perm())
	}
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if have, ok := now.Sys().(*syscall.Stat_t); !ok || have.Uid != want.Uid || have.Gid != want.Gid {
		if err := f.Chown(int(want.Uid), int(want.Gid)); err != nil {
			return err
		}
	}
	return f.Chmod(like.Mode().Perm()) // after chown(2), which clears bits
}
