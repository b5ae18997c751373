// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package openssh

import (
	"fmt"
	"io/fs"
)

// checkOurs refuses a file that is marked read-only; whose it is the access list says, when it is replaced.
func checkOurs(path string, info fs.FileInfo, _ int) error {
	if info.Mode().Perm()&0o200 == 0 {
		return fmt.Errorf("%q is read-only: change that, or name another file with --file", path)
	}
	return nil
}
