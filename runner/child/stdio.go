// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package child

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

// Stdio is what a process and we have of its input and output. The child's ends are blocking, and so never
// in our poller.
type Stdio struct {
	child  [3]*os.File // nil where not open; on a terminal all three are the same
	stdin  *os.File    // ours; on a terminal the same as stdout
	stdout *os.File
	stderr *os.File // nil on a terminal
}

// OpenPipes makes the three pipes of a process without a terminal. The caller gives them to New, or calls Close.
func OpenPipes() (_ *Stdio, err error) {
	s := &Stdio{}
	defer func() {
		if err != nil {
			s.Close()
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
func openPipe(name string, input bool) (child, ours *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("making a pipe for %s: %w", name, err)
	}
	theirs, own := fds[1], fds[0]
	if input {
		theirs, own = fds[0], fds[1]
	}
	unix.FcntlInt(uintptr(own), unix.F_SETPIPE_SZ, pipeSize) // a user's limit may forbid it: no harm
	ours, err = pollable(own, name)
	if err != nil {
		unix.Close(theirs)
		return nil, nil, err
	}
	return os.NewFile(uintptr(theirs), name), ours, nil
}

// OpenTerminal takes over a terminal's master and slave; slave is -1 where the child has got it already. It closes
// both on failure, and else the caller gives them to New, or calls Close.
func OpenTerminal(master, slave int) (*Stdio, error) {
	s := &Stdio{}
	if slave >= 0 {
		file := os.NewFile(uintptr(slave), "terminal")
		s.child = [3]*os.File{file, file, file}
	}
	file, err := pollable(master, "terminal")
	if err != nil {
		s.Close()
		return nil, err
	}
	s.stdin, s.stdout = file, file
	return s, nil
}

// pollable makes a file of a descriptor, in Go's poller. It closes the descriptor on failure.
func pollable(fd int, name string) (*os.File, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("preparing %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Child are the child's ends, to be its standard input, output and error: nil where it has got them already. They
// stay this side's to close.
func (s *Stdio) Child() [3]*os.File { return s.child }

// CloseChild closes the child's ends, which only the child may hold once it runs: else neither side
// would ever see an end.
func (s *Stdio) CloseChild() {
	closeAll(s.child[:])
	s.child = [3]*os.File{}
}

// Close closes both sides.
func (s *Stdio) Close() {
	s.CloseChild()
	closeAll([]*os.File{s.stdin, s.stdout, s.stderr})
}

// closeAll closes files. A second close of the same is refused and does nothing.
func closeAll(files []*os.File) {
	for _, f := range files {
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
