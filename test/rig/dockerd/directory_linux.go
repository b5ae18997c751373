// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package dockerd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	dirPrefix = "swy-engine-"
	// maxBase keeps the longest socket below (exec/containerd/containerd.sock.ttrpc)
	// within the 107 bytes that unix(7) leaves for a path.
	maxBase = 50
)

// directory holds everything of one engine, and the lock that says it is in use.
type directory struct {
	path string
	lock *os.File
}

// newDirectory makes and locks a directory. It gets the name that sweep looks
// for only once it is locked, so that no sweep takes it for litter.
func newDirectory() (*directory, error) {
	fresh, err := os.MkdirTemp(baseDir(), "swy-new-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for a private Docker engine: %w", err)
	}
	lock, err := lockDirectory(fresh)
	if err != nil {
		os.RemoveAll(fresh)
		return nil, err
	}
	d := &directory{path: strings.Replace(fresh, "swy-new-", dirPrefix, 1), lock: lock}
	if err := errors.Join(os.Rename(fresh, d.path), os.WriteFile(d.file("daemon.json"), []byte("{}\n"), 0o600)); err != nil {
		os.RemoveAll(fresh)
		return nil, errors.Join(err, d.remove())
	}
	return d, nil
}

func (d *directory) file(name string) string { return filepath.Join(d.path, name) }
func (d *directory) socket() string          { return d.file("docker.sock") }

// remove removes the directory and then lets go of the lock.
func (d *directory) remove() error {
	err := os.RemoveAll(d.path)
	d.lock.Close()
	return err
}

// logTail is the end of dockerd's log, for an error message.
func (d *directory) logTail() string {
	log, err := os.ReadFile(d.file("log"))
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-2000):])
}

// baseDir is the temporary directory, or /tmp where its path is too long for
// sockets below it.
func baseDir() string {
	if base := os.TempDir(); len(base) <= maxBase {
		return base
	}
	return "/tmp"
}

// lockDirectory takes the lock of an engine's directory, and fails when another
// process has it (flock(2)). The file is closed on exec: no child keeps it.
func lockDirectory(path string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("locking %q: %w", path, err)
	}
	return lock, nil
}

// sweep removes the engines of runs that were killed before they could.
func sweep() {
	paths, _ := filepath.Glob(filepath.Join(baseDir(), dirPrefix+"*"))
	for _, path := range paths {
		lock, err := lockDirectory(path)
		if err != nil {
			continue
		}
		killMentioning(path)
		(&directory{path: path, lock: lock}).remove()
	}
}
