// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package wholefile replaces files as a whole: who reads one meanwhile, or after a power cut, sees the old
// content or the new. [Replace] is all that most need.
package wholefile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace replaces the file at path, or makes it. It gets mode, owner and group of like, or with nil
// mode 0600 and those of a new file. Its directory must be there. A symlink at path is replaced, and not followed.
func Replace(path string, content []byte, like fs.FileInfo) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing %q: %v", path, err)
	}
	defer os.Remove(f.Name()) // fails once it has been renamed, as it should
	if like != nil {
		err = resemble(f, like)
	}
	if err != nil {
		f.Close()
	} else {
		err = Fill(f, content)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %q: %v", path, err)
	}
	return nil
}

// Fill writes, syncs and closes f: a rename that survives a power cut must not name an empty file.
func Fill(f *os.File, content []byte) error {
	_, err := f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
