// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pipeSize is the capacity of a process's pipes in bytes. More than the usual 64 KiB saves wake-ups where
// much flows; the kernel gives out the memory only as it fills.
const pipeSize = 256 << 10

// stdio is what a process and we have of its input and output. The child's ends are plain
// descriptors: they must be blocking, and never be in our poller.
type stdio struct {
	child  [3]int   // -1 where not open; on a terminal all three are the same
	stdin  *os.File // ours; on a terminal the same as stdout
	stdout *os.File
	stderr *os.File // nil on a terminal
}

// openPipes makes the three pipes of a process without a terminal.
func openPipes() (_ *stdio, err error) {
	s := &stdio{child: [3]int{-1, -1, -1}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.child[0], s.stdin, err = openPipe("stdin", true); err != nil {
		return nil, err
	}
	if s.child[1], s.stdout, err = openPipe("stdout", false); err != nil {
		return nil, err
	}
	if s.child[2], s.stderr, err = openPipe("stderr", false); err != nil {
		return nil, err
	}
	return s, nil
}

// openPipe makes one pipe. Ours is its writing end for the child's input, else its reading end.
func openPipe(name string, input bool) (child int, ours *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, nil, fmt.Errorf("making a pipe for %s: %w", name, err)
	}
	child, own := fds[1], fds[0]
	if input {
		child, own = fds[0], fds[1]
	}
	unix.FcntlInt(uintptr(own), unix.F_SETPIPE_SZ, pipeSize) // a user's limit may forbid it: no harm
	ours, err = pollable(own, name)
	if err != nil {
		unix.Close(child)
		return -1, nil, err
	}
	return child, ours, nil
}

// pollable makes a file of a descriptor, in Go's poller. It closes the descriptor on failure.
func pollable(fd int, name string) (*os.File, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("preparing %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// closeChild closes the child's ends, which only the child may hold once it runs: else neither side
// would ever see an end.
func (s *stdio) closeChild() {
	last := -1
	for i, fd := range s.child {
		if fd >= 0 && fd != last {
			unix.Close(fd)
		}
		last, s.child[i] = fd, -1
	}
}

func (s *stdio) close() {
	s.closeChild()
	for _, f := range []*os.File{s.stdin, s.stdout, s.stderr} {
		if f != nil {
			f.Close()
		}
	}
}

// input is a process's standard input.
type input struct {
	file     *os.File
	terminal bool
}

func (i input) Write(p []byte) (int, error) { return i.file.Write(p) }

// Close gives the process EOF. A terminal has no end but hanging up, so there it does nothing; sshd
// does not either.
func (i input) Close() error {
	if i.terminal {
		return nil
	}
	if err := i.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

var _ io.WriteCloser = input{}
