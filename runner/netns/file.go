// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	// MaxFile is the largest file that ReadFile reads, in bytes.
	MaxFile = 1 << 20
	// maxReading bounds the files that are being read at once, and so the
	// threads that a container can pin with a file system of its own (FUSE)
	// that never answers.
	maxReading = 16
)

// ReadFile reads a small file as a process in the mount namespace with the
// rights of root would. It must be a regular file of at most MaxFile bytes: a
// FIFO would block for ever, and a device might do anything when opened. A file
// that is not there is fs.ErrNotExist. ctx bounds the wait.
func (p *Process) ReadFile(ctx context.Context, path string) ([]byte, error) {
	var content []byte
	err := p.withFile(ctx, path, func(file *os.File) (err error) {
		content, err = readRegular(file)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading %q in the container: %w", path, err)
	}
	return content, nil
}

// Stat finds a file in the mount namespace; symbolic links are followed there.
// Errors and ctx as with ReadFile.
func (p *Process) Stat(ctx context.Context, path string) (fs.FileInfo, error) {
	var info fs.FileInfo
	err := p.withFile(ctx, path, func(file *os.File) (err error) {
		info, err = file.Stat()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("looking at %q in the container: %w", path, err)
	}
	return info, nil
}

// withFile calls use with an O_PATH descriptor of the file, back outside. When
// ctx ends first, use may still run, but its result is not looked at.
func (p *Process) withFile(ctx context.Context, path string, use func(*os.File) error) error {
	select {
	case p.reading <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-p.reading }()
		done <- p.openAndUse(path, use)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Process) openAndUse(path string, use func(*os.File) error) error {
	file, err := p.openPath(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return use(file)
}

// openPath opens a path in the mount namespace for naming it alone (O_PATH),
// which has no effect on whatever is there. Magic links of /proc are refused
// (openat2(2)): with the rights of this process they could lead out of a
// container that shares the machine's PID namespace.
func (p *Process) openPath(path string) (file *os.File, err error) {
	outside, err := rootIdentity()
	if err != nil {
		return nil, err
	}
	fd := -1
	onThread(func() (asBefore bool) {
		// A thread shares its root and directory with all others, and setns
		// would change it for all, until it has its own.
		if err = unix.Unshare(unix.CLONE_FS); err != nil {
			return false
		}
		if err = p.enter(unix.CLONE_NEWNS); err != nil {
			return false
		}
		if err = mustDiffer(outside); err != nil {
			return false
		}
		how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS}
		fd, err = unix.Openat2(unix.AT_FDCWD, path, &how)
		return false
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// identity tells a directory from any other.
type identity struct{ dev, ino uint64 }

func rootIdentity() (identity, error) {
	var st unix.Stat_t
	if err := unix.Stat("/", &st); err != nil {
		return identity{}, fmt.Errorf("looking at the root directory: %v", err)
	}
	return identity{uint64(st.Dev), st.Ino}, nil
}

// mustDiffer refuses to go on where the namespace's root is the machine's: a
// runtime that uses chroot instead of pivot_root (DOCKER_RAMDISK) leaves it so,
// and the container's files would be looked for among the machine's.
func mustDiffer(outside identity) error {
	inside, err := rootIdentity()
	if err == nil && inside == outside {
		err = errors.New("its root directory is this machine's")
	}
	return err
}

// readRegular reads what an O_PATH descriptor names. It is opened anew by our
// own /proc, so it is the very file that was looked at.
func readRegular(named *os.File) ([]byte, error) {
	info, err := named.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("it is not a regular file but %v", info.Mode().Type())
	}
	if info.Size() > MaxFile {
		return nil, fmt.Errorf("it has %d bytes and may have %d", info.Size(), MaxFile)
	}
	self := "/proc/self/fd/" + strconv.Itoa(int(named.Fd()))
	file, err := os.OpenFile(self, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, MaxFile+1))
	if err == nil && len(content) > MaxFile {
		err = fmt.Errorf("it grows: more than %d bytes were read", MaxFile)
	}
	if err != nil {
		return nil, err
	}
	return content, nil
}
