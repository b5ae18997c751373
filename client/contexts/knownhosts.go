// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package contexts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// KnownHostsPath is where the known_hosts file of the controller is, or would be.
func (s Selected) KnownHostsPath(dir string) string {
	if s.Name != "" {
		return knownHosts(dir, s.Name)
	}
	digest := sha256.Sum256([]byte(s.URL))
	return knownHosts(dir, ".url-"+hex.EncodeToString(digest[:8])) // no context's name begins with a dot
}

// WriteKnownHosts keeps line as the known_hosts file of the controller, and returns its path. The file
// is left alone when it has this content already.
func (s Selected) WriteKnownHosts(dir, line string) (string, error) {
	path := s.KnownHostsPath(dir)
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, []byte(line)) && checkDir(dir) == nil {
		return path, nil
	}
	return path, WritePrivate(path, []byte(line))
}

// RemoveKnownHosts removes the file of the context of this name, if there is one.
func RemoveKnownHosts(dir, name string) error {
	err := os.Remove(knownHosts(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func knownHosts(dir, name string) string { return filepath.Join(dir, name+".known_hosts") }
