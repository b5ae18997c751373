// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package contexts

import (
	"fmt"
	"os"
)

// checkPrivate refuses a file of secrets that others may read or write.
func checkPrivate(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("the file %q holds tokens and others may use it (mode %04o): run chmod 600 %[1]q", f.Name(), mode)
	}
	return nil
}

// checkDir refuses a directory in which others may replace files.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("others may replace files in the directory %q (mode %04o): run chmod 700 %[1]q", dir, mode)
	}
	return nil
}
