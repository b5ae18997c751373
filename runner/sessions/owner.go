// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sessions

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"switchyard/runner/proc"
)

// owner names a runner's process so that no later one has the same name: its pid, a hyphen, its start.
type owner string

func newOwner() (owner, error) {
	pid, start, err := proc.Self()
	return owner(fmt.Sprintf("%d-%d", pid, start)), err
}

// alive tells whether that process is there. It serves where the owner has no lock to ask.
func (o owner) alive() bool {
	number, started, _ := strings.Cut(string(o), "-")
	pid, err := strconv.Atoi(number)
	start, startErr := strconv.ParseUint(started, 10, 64)
	return err == nil && startErr == nil && proc.Alive(pid, start)
}

// statePrefix is followed by the container's id.
const statePrefix = "switchyard-sessions-"

// state is the directory of a container's records, with a directory for each owner. Its lock, held for moments
// only, is for making and removing those. An owner holds its own directory's lock as long as it lives.
type state struct{ path string }

// lockedDir is a directory with its lock. Close gives the lock back.
type lockedDir struct{ *os.File }

// errBusy says that somebody else has the lock.
var errBusy = errors.New("somebody else has the lock")

// lockDir takes the lock of a directory that is there: at once, or else fails with errBusy, or after waiting. flock(2)
// is the description's, which ends with execve(2), so no child keeps it.
func lockDir(path string, wait bool) (lockedDir, error) {
	d, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return lockedDir{}, err
	}
	how := unix.LOCK_EX | unix.LOCK_NB
	if wait {
		how = unix.LOCK_EX
	}
	for err = unix.Flock(int(d.Fd()), how); err == unix.EINTR; {
		err = unix.Flock(int(d.Fd()), how)
	}
	if err == unix.EWOULDBLOCK {
		err = errBusy
	}
	if err != nil {
		d.Close()
		return lockedDir{}, err
	}
	return lockedDir{d}, nil
}

// private refuses a directory that somebody else could have made or can write to.
func (d lockedDir) private() error {
	var st unix.Stat_t
	if err := unix.Fstat(int(d.Fd()), &st); err != nil {
		return err
	}
	if int(st.Uid) != os.Geteuid() || st.Mode&0o077 != 0 {
		return fmt.Errorf("%q is not this user's alone", d.Name())
	}
	return nil
}

// same tells whether the directory is still the one at its path, and was not removed while its lock was waited for.
func (d lockedDir) same() bool {
	ours, err := d.Stat()
	there, thereErr := os.Lstat(d.Name())
	return err == nil && thereErr == nil && os.SameFile(ours, there)
}

// lock makes the directory where needed and takes its lock. The caller closes it.
func (s state) lock() (lockedDir, error) {
	for {
		if err := os.Mkdir(s.path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return lockedDir{}, err
		}
		d, err := lockDir(s.path, true)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another's end removed it
		}
		if err != nil {
			return d, err
		}
		if err := d.private(); err != nil {
			d.Close()
			return d, err
		}
		if d.same() {
			return d, nil
		}
		d.Close()
	}
}

// claim makes an owner's directory and takes its lock, and those of all owners that are dead.
func (s state) claim(self owner) (own lockedDir, dead map[owner]lockedDir, err error) {
	all, err := s.lock()
	if err != nil {
		return own, nil, err
	}
	defer all.Close()
	path := filepath.Join(s.path, string(self))
	if err := os.Mkdir(path, 0o700); err != nil {
		return own, nil, err
	}
	if own, err = lockDir(path, false); err != nil {
		os.Remove(path)
		return own, nil, err
	}
	entries, _ := os.ReadDir(s.path)
	dead = map[owner]lockedDir{}
	for _, e := range entries {
		if e.Name() == string(self) {
			continue
		}
		if d, err := lockDir(filepath.Join(s.path, e.Name()), false); err == nil {
			dead[owner(e.Name())] = d
		}
	}
	return own, dead, nil
}

// remove removes an owner's directory, and with the last one all.
func (s state) remove(d lockedDir) {
	if all, err := s.lock(); err == nil {
		defer all.Close()
	}
	os.RemoveAll(d.Name())
	d.Close()
	os.Remove(s.path)
}

// owners lists the owners that have a directory.
func (s state) owners() map[owner]bool {
	entries, _ := os.ReadDir(s.path)
	all := map[owner]bool{}
	for _, e := range entries {
		all[owner(e.Name())] = true
	}
	return all
}
