// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package memfd keeps a program in memory that nobody can change any more, this process included, to be executed from
// there. There is one call, Seal.
package memfd

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Seals forbid every change, and that of the seals, fcntl(2). Exec forbids a change of the mode as well, where the
// kernel knows it: Linux 6.3 and later.
const (
	Seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	Exec  = unix.F_SEAL_EXEC
)

// mode lets every account run the program: in a container it is any uid, and in a user namespace none of ours.
const mode = 0o555

// Seal copies a program to memory and adds seals, Exec among them only where it is known. Name is what
// /proc/PID/exe says behind "/memfd:". The descriptor that it returns can only read: one that could
// write would be of no use to anybody, but need not be explained either. The caller closes it; the memory is free when all
// who run it have ended.
func Seal(name string, program io.Reader, seals int) (*os.File, error) {
	memory, err := create(name)
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	if _, err := io.Copy(memory, program); err != nil {
		return nil, fmt.Errorf("copying it to memory: %w", err)
	}
	fd := int(memory.Fd())
	if err := unix.Fchmod(fd, mode); err != nil {
		return nil, os.NewSyscallError("fchmod", err)
	}
	if err := addSeals(fd, seals); err != nil {
		return nil, fmt.Errorf("sealing its copy: %w", err)
	}
	return os.Open("/proc/self/fd/" + strconv.Itoa(fd))
}

func addSeals(fd, seals int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	if err == unix.EINVAL && seals&Exec != 0 {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals&^Exec)
	}
	return err
}

// create makes the memory. Linux before 6.3 does not know MFD_EXEC, and later ones may forbid what does not
// say it (sysctl vm.memfd_noexec).
func create(name string) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("making memory that can be executed (sysctl vm.memfd_noexec may forbid it): %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
