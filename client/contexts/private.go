// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package contexts

import (
	"fmt"
	"os"
	"path/filepath"

	"switchyard/client/wholefile"
)

// WritePrivate replaces the file at path as a whole, so that who reads it meanwhile sees the old
// content or the new. The file has mode 0600; its directory, when it must be made, 0700.
func WritePrivate(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the directory for %q: %v", path, err)
	}
	if err := checkDir(dir); err != nil {
		return err
	}
	return wholefile.Replace(path, content, nil)
}

// Secret is a place that a secret is to be written to. It is made before the secret is, so that none is
// lost because there was nowhere to put it.
type Secret struct{ f *os.File }

// NewSecret makes the file at path, mode 0600, and refuses to touch one that is there already.
func NewSecret(path string) (Secret, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return Secret{}, fmt.Errorf("the file %q is there already: name another, or remove it", path)
	}
	if err != nil {
		return Secret{}, fmt.Errorf("making the file: %v", err)
	}
	return Secret{f}, nil
}

// Write writes the secret as one line and closes the file.
func (s Secret) Write(secret string) error {
	if err := wholefile.Fill(s.f, []byte(secret+"\n")); err != nil {
		return fmt.Errorf("writing %q: %v", s.f.Name(), err)
	}
	return nil
}

// Discard removes the file, for when there is no secret after all.
func (s Secret) Discard() {
	s.f.Close()
	os.Remove(s.f.Name())
}
