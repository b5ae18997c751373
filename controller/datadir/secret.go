// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"switchyard/controller/ca"
	"switchyard/proof"
)

// Secrets are the files that nothing can be made from again once they are lost.
var Secrets = []string{SystemTokenFile, TLSFile, HostFile}

// makers make what is in the files.
var makers = map[string]func() ([]byte, error){
	SystemTokenFile: func() ([]byte, error) { return []byte(proof.NewSystemToken().Reveal() + "\n"), nil },
	TLSFile: func() ([]byte, error) {
		authority, err := ca.NewTLS(time.Now())
		if err != nil {
			return nil, err
		}
		return authority.Encode()
	},
	HostFile: func() ([]byte, error) {
		_, text, err := ca.NewHost()
		return text, err
	},
}

// checkSecrets refuses a directory that has a database and lacks a secret. A start makes the secrets first and
// the database after them, so one is not missing because a start has died. A new one in its place would break
// every runner, or every client that has pinned the old one.
func checkSecrets(dir string) error {
	if missing(dir, DatabaseFile) {
		return nil
	}
	for _, name := range Secrets {
		if missing(dir, name) {
			return fmt.Errorf("%q is missing, while there is a database: restore the file from the backup; only if there is none, "+
				"make a new one with \"switchyardd make-secret %s --data-dir %s\"", filepath.Join(dir, name), name, quote(dir))
		}
	}
	return nil
}

func missing(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return errors.Is(err, fs.ErrNotExist)
}

// MakeSecret makes one of Secrets anew in the data directory of a controller that is stopped. A file that is
// there is not touched: whoever wants another one moves it away.
func MakeSecret(path, name string) (err error) {
	if !slices.Contains(Secrets, name) {
		return fmt.Errorf("%q is no secret of a data directory: %s are", name, strings.Join(Secrets, ", "))
	}
	release, err := seize(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if !missing(path, name) {
		return fmt.Errorf("%q is there: move it away first if it is to be replaced", filepath.Join(path, name))
	}
	content, err := makers[name]()
	if err != nil {
		return err
	}
	if name == TLSFile { // the copy without the key is of the one before; the start makes it
		if err := os.Remove(filepath.Join(path, TLSCertFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the old authority's certificate: %v", err)
		}
	}
	return writeWhole(filepath.Join(path, name), content)
}

// seize takes the lock of a data directory that is in use, but not now.
func seize(path string) (release func() error, err error) {
	if err := checkUsed(path); err != nil {
		return nil, err
	}
	if err := prepare(path); err != nil {
		return nil, err
	}
	l, err := lock(filepath.Join(path, LockFile), path)
	var used inUse
	if errors.As(err, &used) {
		return nil, fmt.Errorf("the data directory %q is in use by a controller%s: stop the controller first", path, used.holder)
	}
	if err != nil {
		return nil, err
	}
	return l.Close, nil
}

// checkUsed refuses a directory that no controller has used, so that a mistyped name makes nothing.
func checkUsed(path string) error {
	if missing(path, DatabaseFile) {
		return fmt.Errorf("%q is not the data directory of a controller: there is no %s in it", path, DatabaseFile)
	}
	return nil
}
