// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// prepare makes the directory, or sees to it that it is ours alone.
func prepare(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at the data directory: %v", err)
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		return fmt.Errorf("the data directory %q belongs to user id %d, this is user id %d: run \"chown -R %d %s\", or run as its owner",
			path, s.Uid, os.Geteuid(), os.Geteuid(), quote(path))
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return tighten(path, info.Mode().Perm())
}

// tighten takes the directory away from others, if it is an empty one. A data directory that others can
// look into may have lost its secrets already, which its owner has to know; and a directory with other
// things in it was given by mistake.
func tighten(path string, mode fs.FileMode) error {
	entries, err := os.ReadDir(path)
	switch {
	case err != nil:
		return fmt.Errorf("looking into the data directory: %v", err)
	case len(entries) == 0:
		if err := os.Chmod(path, 0o700); err != nil {
			return fmt.Errorf("closing the data directory to others: %v", err)
		}
		return nil
	case !isOurs(entries):
		return fmt.Errorf("the directory %q has mode %04o and holds other things than a controller's: give --data-dir one that is new or empty", path, mode)
	}
	return fmt.Errorf("the data directory %q has mode %04o, so that others can look into it: run \"chmod 700 %s\"", path, mode, quote(path))
}

// isOurs tells whether a controller has used the directory.
func isOurs(entries []fs.DirEntry) bool {
	for _, e := range entries {
		if e.Name() == SystemTokenFile {
			return true
		}
	}
	return false
}

// quote makes a path one word of a POSIX shell.
func quote(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", "'\\''") + "'"
}

// lock takes the directory's lock, which the kernel releases when the process ends, however it does.
func lock(file, dir string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the data directory's lock: %v", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		defer f.Close()
		return nil, inUse{dir, holder(f)}
	}
	if err == nil {
		err = writePID(f)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("locking the data directory %q: %v", dir, err)
	}
	return f, nil
}

// inUse is the error of a directory whose lock another process has.
type inUse struct{ dir, holder string }

func (e inUse) Error() string {
	return fmt.Sprintf("the data directory %q is in use by another controller%s: stop that one, or give this one a directory of its own", e.dir, e.holder)
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	return err
}

func holder(f *os.File) string {
	var pid int
	if _, err := fmt.Fscan(f, &pid); err != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}

// unfinished begins the name of a file that is being written.
const unfinished = ".unfinished-"

// removeUnfinished removes what a start left that died while writing.
func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("looking into the data directory: %v", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), unfinished) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("removing an unfinished file: %v", err)
		}
	}
	return nil
}

// loadOrMake reads a file that only its owner may read, or makes it when it is not there.
func loadOrMake(dir, name string, make func() ([]byte, error)) ([]byte, error) {
	file := filepath.Join(dir, name)
	b, err := load(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	if b, err = make(); err != nil {
		return nil, err
	}
	return b, writeWhole(file, b)
}

// load reads a file. The error is fs.ErrNotExist when there is none.
func load(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%q has mode %04o, so that others can read it: run \"chmod 600 %s\"", file, mode, quote(file))
	}
	return os.ReadFile(file)
}

// writeWhole writes a file of mode 0600 that is there whole, on the disk, or not at all.
func writeWhole(file string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), unfinished+"*") // of mode 0600
	if err != nil {
		return fmt.Errorf("writing %q: %v", file, err)
	}
	defer os.Remove(f.Name()) // fails once it has been renamed
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err == nil {
		err = syncDir(filepath.Dir(file))
	}
	if err != nil {
		return fmt.Errorf("writing %q: %v", file, err)
	}
	return nil
}

// syncDir makes a rename last through a power cut.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
