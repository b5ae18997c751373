// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"switchyard/runner/tty"
	"switchyard/sshd"
)

// takeTerminal fetches the master of the process's terminal and sets it up.
//
// Docker's own way to a terminal's input looks for its detach keys in what is
// typed, and holds or swallows them; they cannot be turned off, an empty setting
// means ctrl-p ctrl-q (docker/cli#2888). So input goes straight to the master.
// There is no second way for where that cannot be had: inexact bytes would be
// found out late.
func (p *process) takeTerminal(pty *sshd.Pty) error {
	master, err := findMaster(p.leader.PID())
	if err != nil && !runs(p.leader.PID()) {
		return nil // without a gate it may have ended, and its terminal with it
	}
	if err != nil {
		return fmt.Errorf("fetching the terminal from the container's shim: %v", err)
	}
	p.master, p.stdin = master, (*terminalInput)(p)
	// What of it a terminal does not take, it works without, as with sshd.
	if err := p.onMaster(func(fd int) error { return tty.Apply(fd, pty.Modes) }); err != nil {
		p.log.WithError(err).Debug("applying terminal modes")
	}
	return p.Resize(pty.Size)
}

// findMaster finds the master of the terminal that is a process's standard
// input among the descriptors of its parent, the shim that keeps it, and takes a
// duplicate (pidfd_getfd(2)).
func findMaster(pid int) (*os.File, error) {
	slave, err := slaveOf(pid)
	if err != nil {
		return nil, err
	}
	shim, err := parent(pid)
	if err != nil {
		return nil, err
	}
	pidfd, err := unix.PidfdOpen(shim, 0)
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(pidfd)
	if now, err := parent(pid); err != nil || now != shim {
		return nil, fmt.Errorf("its shim, process %d, has gone", shim)
	}
	return slave.masterOf(pidfd, procPath(shim, "fd"))
}

// terminal tells a terminal from all others of the machine: each container has
// a devpts of its own, each with a terminal 0.
type terminal struct {
	devpts uint64
	number uint32
}

// slaveOf says which terminal a process's standard input is. The file is not
// opened, nor is a file system of the container's own asked about it.
func slaveOf(pid int) (terminal, error) {
	var st unix.Statx_t
	path := procPath(pid, "fd/0")
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS, &st); err != nil {
		return terminal{}, &os.PathError{Op: "statx", Path: path, Err: err}
	}
	const firstSlave, lastSlave = 136, 143 // majors of Unix98 slaves, 256 each
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev_major < firstSlave || st.Rdev_major > lastSlave {
		return terminal{}, fmt.Errorf("its standard input is no terminal")
	}
	number := (st.Rdev_major-firstSlave)<<8 | st.Rdev_minor
	if st.Rdev_major == firstSlave {
		number = st.Rdev_minor
	}
	return terminal{unix.Mkdev(st.Dev_major, st.Dev_minor), number}, nil
}

// masterOf takes the descriptor that is the terminal's master from a process.
func (s terminal) masterOf(pidfd int, descriptors string) (*os.File, error) {
	entries, err := os.ReadDir(descriptors)
	if err != nil {
		return nil, err
	}
	var refused error
	for _, entry := range entries {
		link, err := os.Readlink(descriptors + "/" + entry.Name())
		number, numberErr := strconv.Atoi(entry.Name())
		if err != nil || numberErr != nil || !strings.HasSuffix(link, "ptmx") {
			continue
		}
		fd, err := unix.PidfdGetfd(pidfd, number, 0)
		if err != nil {
			refused = os.NewSyscallError("pidfd_getfd", err)
			continue
		}
		if s.isMaster(fd) {
			return os.NewFile(uintptr(fd), "ptmx"), nil
		}
		unix.Close(fd)
	}
	if refused != nil {
		return nil, refused
	}
	return nil, fmt.Errorf("none of its descriptors is the master of terminal %d", s.number)
}

// isMaster compares a master with the terminal: the number, and the devpts that
// /dev/pts/ptmx is in.
func (s terminal) isMaster(fd int) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || uint64(st.Dev) != s.devpts {
		return false
	}
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	return err == nil && number == s.number
}

// onMaster runs f on the master's descriptor, whose flags stay as they are: the
// shim shares them.
func (p *process) onMaster(f func(fd int) error) error {
	if p.master == nil {
		return errNoTerminal
	}
	raw, err := p.master.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := raw.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return err
	}
	return ferr
}

// Resize implements sshd.Process.
func (p *process) Resize(size sshd.WindowSize) error {
	return p.onMaster(func(fd int) error { return tty.SetSize(fd, size) })
}

// Break implements sshd.Process.
func (p *process) Break() error { return p.onMaster(tty.SendBreak) }

// terminalInput is the standard input of a process with a terminal. The shim
// keeps the master non-blocking, for its own poller, and so Go's poller serves
// it here too; should a shim not, a write blocks a thread until the terminal is
// read or closed.
type terminalInput process

// Write implements io.Writer. Linux takes bytes for a terminal that nobody has
// open any more, so that is looked for once the process has exited; before, a
// program may close its terminal and open it again.
func (in *terminalInput) Write(p []byte) (int, error) {
	if closed(in.exited) && (*process)(in).onMaster(mustBeOpen) != nil {
		return 0, io.ErrClosedPipe
	}
	return in.master.Write(p)
}

// mustBeOpen refuses a terminal whose slave nobody has open.
func mustBeOpen(master int) error {
	polled := []unix.PollFd{{Fd: int32(master)}}
	if _, err := unix.Poll(polled, 0); err != nil && err != unix.EINTR {
		return err
	}
	if polled[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0 {
		return io.ErrClosedPipe
	}
	return nil
}

// Close does nothing, as with sshd: a terminal has no end of input but the
// character that the user types for it.
func (in *terminalInput) Close() error { return nil }
