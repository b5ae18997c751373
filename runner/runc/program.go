// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runc

import (
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"

	"switchyard/runner/memfd"
)

// program is the runtime's program. Each time it is started it copies or mounts itself anew, so that the container
// cannot write to its file (CVE-2019-5736), unless it finds that it runs from a memfd sealed in just that way,
// which spares some milliseconds of each start. So it is kept in one.
type program struct {
	path string

	once sync.Once
	file *os.File // nil: it is run from its file
}

// executable is the path to execute in a child of this process.
func (p *program) executable() string {
	p.once.Do(p.load)
	if p.file == nil {
		return p.path
	}
	return fdPath(p.file)
}

// load is best effort: a machine may forbid to execute memory.
func (p *program) load() {
	f, err := os.Open(p.path)
	if err != nil {
		return
	}
	defer f.Close()
	if !isELF(f) { // the interpreter of a script shall see the script's own name
		return
	}
	sealed, err := memfd.Seal(filepath.Base(p.path), f, memfd.Seals) // no more than these, or it is not recognised
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stateWait)
	defer cancel()
	if exec.CommandContext(ctx, fdPath(sealed), "--version").Run() != nil {
		sealed.Close()
		return
	}
	p.file = sealed
}

func isELF(f *os.File) bool {
	magic := make([]byte, len(elf.ELFMAG))
	_, err := f.ReadAt(magic, 0)
	return err == nil && string(magic) == elf.ELFMAG
}

// fdPath names a descriptor of this process for a child of it. It is not the child's own of that number: between
// fork and exec, syscall.StartProcess puts its pipe and what the child is given on numbers of its choice, that
// one among them. The link has the process's number in the namespace of /proc, which need not be getpid's.
func fdPath(f *os.File) string {
	self, err := os.Readlink("/proc/self")
	if err != nil {
		self = "self"
	}
	return filepath.Join("/proc", self, "fd", strconv.Itoa(int(f.Fd())))
}

// close frees the memory. The program is not run any more.
func (p *program) close() {
	p.once.Do(func() {})
	if p.file != nil {
		p.file.Close()
	}
}
