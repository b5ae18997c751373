// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pidfd is a process's descriptor in Go's poller, pidfd_open(2). One goroutine at a time may wait on
// it, others may signal and close it.
type pidfd struct {
	file *os.File
	raw  syscall.RawConn
}

// openPidfd opens a process. The error matches os.ErrProcessDone when there is none with this pid.
func openPidfd(pid int) (*pidfd, error) {
	// Nonblocking is what makes os.NewFile put it into the poller.
	fd, err := unix.PidfdOpen(pid, unix.O_NONBLOCK)
	switch {
	case errors.Is(err, unix.ESRCH):
		return nil, fmt.Errorf("opening process %d: %w", pid, os.ErrProcessDone)
	case err != nil:
		return nil, fmt.Errorf("opening process %d: pidfd_open: %w", pid, err)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("opening process %d: %w", pid, err)
	}
	return &pidfd{file: f, raw: raw}, nil
}

// wait waits until one of the events of poll(2) is there: POLLIN, the process has exited; POLLHUP, it
// has been reaped too. It fails at the deadline (none when zero) and when the pidfd is closed.
func (p *pidfd) wait(events int16, deadline time.Time) error {
	if err := p.file.SetReadDeadline(deadline); err != nil {
		return err
	}
	return p.raw.Read(func(fd uintptr) bool { return poll(fd, events) })
}

// ready tells whether one of the events is there now. It is false when the pidfd is closed.
func (p *pidfd) ready(events int16) (is bool) {
	p.raw.Control(func(fd uintptr) { is = poll(fd, events) })
	return is
}

func poll(fd uintptr, events int16) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&events != 0
}

// signal sends a signal to the process, or with unix.PIDFD_SIGNAL_PROCESS_GROUP to the group whose id
// is its pid. The error matches os.ErrProcessDone when there is nobody left.
func (p *pidfd) signal(sig unix.Signal, flags int) error {
	var sent error
	err := p.raw.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), sig, nil, flags) })
	if err == nil {
		err = sent
	}
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

func (p *pidfd) close() { p.file.Close() }
