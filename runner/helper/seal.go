// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// name is what /proc/PID/exe says behind "/memfd:".
const name = "switchyard-helper"

// seals forbid every change, and that of the seals, fcntl(2). sealExec is of Linux 6.3 and later.
const (
	seals    = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	sealExec = unix.F_SEAL_EXEC
)

// mode lets every account run the program: in a container it is any uid, and in a user namespace none of ours.
const mode = 0o555

// seal copies a program to memory and makes it unchangeable. The descriptor that it returns can only read: the one
// that wrote could, as any for writing, be told apart by nobody from a right to write.
func seal(program io.Reader) (*os.File, error) {
	memory, err := create()
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
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals|sealExec); err == unix.EINVAL {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
		if err != nil {
			return nil, fmt.Errorf("sealing its copy: %w", err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("sealing its copy: %w", err)
	}
	return os.Open("/proc/self/fd/" + strconv.Itoa(fd))
}

// create makes the memory. Linux before 6.3 does not know MFD_EXEC, and later ones may forbid what does not
// say it (sysctl vm.memfd_noexec).
func create() (*os.File, error) {
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
