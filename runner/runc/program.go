// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runc

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

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

// lowest is above the descriptors that a child is given, which in it come to lie over those of the same numbers.
const lowest = 64

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
	sealed, err := memfd.Seal(filepath.Base(p.path), f, memfd.Seals) // no more than these, or it is not recognised
	if err != nil {
		return
	}
	defer sealed.Close()
	fd, err := unix.FcntlInt(sealed.Fd(), unix.F_DUPFD_CLOEXEC, lowest)
	if err != nil {
		return
	}
	file := os.NewFile(uintptr(fd), p.path)
	if exec.Command(fdPath(file), "--version").Run() != nil {
		file.Close()
		return
	}
	p.file = file
}

func fdPath(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// close frees the memory. The program is not run any more.
func (p *program) close() {
	p.once.Do(func() {})
	if p.file != nil {
		p.file.Close()
	}
}
