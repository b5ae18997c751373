// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"runtime"
	"sync"

	"switchyard/runner/inside"
	"switchyard/runner/memfd"
	"switchyard/sshd"
)

// UnavailableError says why the program cannot run inside targets.
type UnavailableError struct{ Why string }

func (e *UnavailableError) Error() string { return e.Why }

// Start starts a process in a target, with pipes for its standard three, and files as its descriptors from 3 on, which
// stay the caller's. The first of args is the program, by a path in the target. ctx bounds the start alone.
type Start func(ctx context.Context, args []string, files []*os.File) (sshd.Process, error)

// Program is the program that runs inside targets. Its methods may be called concurrently.
type Program struct {
	path string

	mu   sync.Mutex // guards file, and is held while it is made
	file *os.File   // sealed, for reading; nil until it is needed
}

// New takes the program from a file, which is read when it is first needed. Empty means the program that runs
// now, even if its file has been replaced since. The caller calls Close.
func New(path string) *Program {
	if path == "" {
		path = "/proc/self/exe"
	}
	return &Program{path: path}
}

// Check tells whether the program could run inside targets. The error is an *UnavailableError.
func (p *Program) Check() error {
	f, err := os.Open(p.path)
	if err != nil {
		return p.unavailable(err)
	}
	defer f.Close()
	return p.checkStatic(f)
}

// Sealed is the program in memory, where nobody can change it. It stays the Program's. The error is an
// *UnavailableError.
func (p *Program) Sealed() (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil {
		return p.file, nil
	}
	f, err := os.Open(p.path)
	if err != nil {
		return nil, p.unavailable(err)
	}
	defer f.Close()
	if err := p.checkStatic(f); err != nil {
		return nil, err
	}
	if p.file, err = memfd.Seal("switchyard-helper", f, memfd.Seals|memfd.Exec); err != nil {
		return nil, p.unavailable(err)
	}
	return p.file, nil
}

// Close frees the memory, once the processes that run it have ended.
func (p *Program) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	p.file = nil
	return err
}

// SFTP starts an SFTP server for an account, on the terms of sshd.Target.Start.
func (p *Program) SFTP(ctx context.Context, a sshd.Account, start Start) (sshd.Process, error) {
	return p.run(ctx, inside.SFTP, a, start)
}

// run starts the program with more files behind its own.
func (p *Program) run(ctx context.Context, as string, a sshd.Account, start Start, more ...*os.File) (sshd.Process, error) {
	program, err := p.Sealed()
	if err != nil {
		return nil, err
	}
	path := fmt.Sprintf("/proc/self/fd/%d", inside.ProgramFD)
	args := append([]string{path}, inside.Arguments(as, a.Home, a.Name)...)
	return start(ctx, args, append([]*os.File{program}, more...))
}

// machines are what ELF calls the machines that this is built for.
var machines = map[string]elf.Machine{
	"386": elf.EM_386, "amd64": elf.EM_X86_64, "arm": elf.EM_ARM, "arm64": elf.EM_AARCH64,
	"ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390,
}

// checkStatic refuses what would not run in an image without libraries.
func (p *Program) checkStatic(f *os.File) error {
	program, err := elf.NewFile(f)
	if err != nil {
		return p.unavailable(fmt.Errorf("it is no program: %w", err))
	}
	defer program.Close()
	if want, known := machines[runtime.GOARCH]; known && program.Machine != want {
		return p.unavailable(fmt.Errorf("it is for another machine, %v, and not for %v", program.Machine, want))
	}
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			return p.unavailable(fmt.Errorf("it is linked dynamically, and an image need not have its libraries: " +
				"build it with CGO_ENABLED=0, or name a static one with --helper"))
		}
	}
	return nil
}

func (p *Program) unavailable(err error) error {
	return &UnavailableError{fmt.Sprintf("the program for the inside of containers, %q, cannot be used: %v", p.path, err)}
}
