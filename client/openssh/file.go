// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"switchyard/client/wholefile"
)

// File is an ssh_config on disk, as it was when it was read.
type File struct {
	Config
	path string      // where the text is, behind all symlinks
	info fs.FileInfo // nil: there is no such file yet
}

// ReadFile reads the file at path, following symlinks, as editors do. That there is none yet is no error;
// that it cannot be replaced is one.
func ReadFile(path string) (*File, error) {
	real, err := behindLinks(path)
	if err != nil {
		return nil, err
	}
	f := &File{Config: ParseConfig(path, ""), path: real}
	info, err := os.Stat(real)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, fmt.Errorf("reading ssh's configuration: %v", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is not a regular file: name another with --file", path)
	}
	if err := checkOurs(path, info, os.Geteuid()); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(real)
	if err != nil {
		return nil, fmt.Errorf("reading ssh's configuration: %v", err)
	}
	f.info, f.Config = info, ParseConfig(path, string(text))
	return f, nil
}

// behindLinks returns the path of the file itself: replacing a link would take the file from whatever
// manages it.
func behindLinks(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return real, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%q is a link to a file that is not there: make that one, or remove the link", path)
	}
	return path, nil
}

// Write replaces the file's content, as a whole. A new file has mode 0600 and a new directory 0700; one that was there
// keeps owner and mode. It refuses when somebody else has written the file since it was read.
func (f *File) Write(c Config) error {
	if err := f.unchanged(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("making the directory for ssh's configuration: %v", err)
	}
	return wholefile.Replace(f.path, []byte(c.Text()), f.info)
}

func (f *File) unchanged() error {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil && !bytes.Equal(text, []byte(f.Text())) {
		err = fmt.Errorf("%q was changed by somebody else just now: run this again", f.path)
	}
	return err
}
