// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netns

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// ErrGone says that the process whose namespaces were to be entered has ended.
var ErrGone = errors.New("the process has ended")

// Process is a process whose namespaces can be entered. Its methods may be
// called concurrently.
type Process struct {
	pidfd *os.File
	home  *os.File // our own network namespace, for the way back
	// reading has a token for each file being read, see ReadFile.
	reading chan struct{}
}

// Open holds the process by its number. The caller verifies afterwards that it
// is the one meant: from then on the number cannot change its meaning unnoticed.
func Open(pid int) (*Process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("opening a pidfd of process %d: %v", pid, err)
	}
	pidfd := os.NewFile(uintptr(fd), "pidfd")
	home, err := os.Open("/proc/self/ns/net")
	if err != nil {
		pidfd.Close()
		return nil, fmt.Errorf("opening the runner's own network namespace: %v", err)
	}
	return &Process{pidfd, home, make(chan struct{}, maxReading)}, nil
}

// Close releases the process. A call under way ends, with an error or without;
// a later one fails.
func (p *Process) Close() error {
	p.home.Close()
	return p.pidfd.Close()
}

// Alive says whether the process has not ended yet: a pidfd becomes readable
// when it does.
func (p *Process) Alive() bool {
	ended := false
	err := p.control(func(fd int) error {
		polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		_, err := unix.Poll(polled, 0)
		ended = polled[0].Revents != 0
		return err
	})
	return err == nil && !ended
}

// enter moves the calling thread, which must be locked, into namespaces of the
// process (setns(2) with a pidfd).
func (p *Process) enter(namespaces int) error {
	err := p.control(func(fd int) error { return unix.Setns(fd, namespaces) })
	if errors.Is(err, unix.ESRCH) {
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("entering its namespaces: %v", err)
	}
	return nil
}

func (p *Process) control(f func(fd int) error) error {
	raw, err := p.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := raw.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return err
	}
	return ferr
}

// onThread runs f on a thread of its own and waits for it. The thread goes back
// to the scheduler when f says that it is as before, and ends otherwise. It is
// never the main thread, see the package's invariants.
func onThread(f func() (asBefore bool)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// This goroutine holds the main thread meanwhile, so the next gets
			// another one.
			onThread(f)
			runtime.UnlockOSThread()
			return
		}
		if f() {
			runtime.UnlockOSThread()
		}
	}()
	<-done
}
