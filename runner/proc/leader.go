// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/sshd"
)

// reapWait is how long ExitInfo waits for the parent to collect its child, which is what makes the
// kernel tell how it ended.
const reapWait = 2 * time.Second

// Leader is a process that leads a session. All methods may be called concurrently.
type Leader struct {
	Session
	fd *pidfd

	exited  chan struct{} // closed when it has exited
	settled chan struct{} // closed when no more will be learned of it; ends the goroutine

	mu     sync.Mutex // guards status and known
	status syscall.WaitStatus
	known  bool
}

// Open takes hold of the session leader with this pid. The error matches os.ErrProcessDone when there
// is no such process. The caller calls Close.
func Open(pid int) (*Leader, error) {
	fd, err := openPidfd(pid)
	if err != nil {
		return nil, err
	}
	s, err := readStat(pid)
	if err == nil && s.session != pid {
		err = fmt.Errorf("process %d leads no session, it belongs to session %d", pid, s.session)
	}
	if err != nil {
		fd.close()
		return nil, fmt.Errorf("opening session %d: %w", pid, err)
	}
	l := &Leader{Session: Session{pid: pid, start: s.start}, fd: fd, exited: make(chan struct{}), settled: make(chan struct{})}
	go l.watch()
	return l, nil
}

// watch learns of the exit, and then of the status. Close ends it.
func (l *Leader) watch() {
	defer close(l.settled)
	if l.fd.wait(unix.POLLIN, time.Time{}) != nil {
		return
	}
	l.learn(zombieInfo(l.pid, l.start))
	close(l.exited)
	// Before Linux 6.9 there is no POLLHUP, and this waits until Close.
	if l.fd.wait(unix.POLLHUP, time.Time{}) == nil {
		l.learn(l.fd.exitInfo())
	}
}

func (l *Leader) learn(ws syscall.WaitStatus, known bool) {
	if known {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.status, l.known = ws, true
	}
}

// PID returns the leader's pid. It means this process only until Wait returns.
func (l *Leader) PID() int { return l.pid }

// Start is when the leader started, in clock ticks after boot. With the pid it tells the leader from every other
// process since.
func (l *Leader) Start() uint64 { return l.start }

// Wait waits until the leader has exited, whether or not its parent has collected it. It fails when
// ctx ends first, with its cause, or with os.ErrClosed when the Leader is closed first.
func (l *Leader) Wait(ctx context.Context) error {
	select {
	case <-l.exited:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-l.settled:
	}
	select {
	case <-l.exited:
		return nil
	default:
		return os.ErrClosed
	}
}

// Exited tells whether the leader has exited, now.
func (l *Leader) Exited() bool {
	exited := l.fd.ready(unix.POLLIN)
	select {
	case <-l.exited:
		return true
	default:
		return exited
	}
}

// Exiting tells whether the leader has exited or is about to. The first process of a PID namespace is for as long as another
// of the namespace has not been collected (pid_namespaces(7)), though all have been killed by then.
func (l *Leader) Exiting() bool {
	s, err := readStat(l.PID())
	return l.Exited() || err == nil && s.exiting()
}

// ExitInfo says how the leader ended. It is known once the parent has collected it, for which
// ExitInfo waits two seconds at most; call it after Wait. It needs Linux 6.15; before that it is known
// only if we are root and saw the leader before its parent did.
func (l *Leader) ExitInfo() (exit sshd.Exit, known bool) {
	limit := time.NewTimer(reapWait)
	defer limit.Stop()
	if exit, known = l.learned(); known {
		return exit, true
	}
	select {
	case <-l.settled:
	case <-limit.C:
	}
	return l.learned()
}

func (l *Leader) learned() (exit sshd.Exit, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.known {
		return sshd.Exit{}, false
	}
	return ExitOf(l.status), true
}

// Close lets go of the leader, which goes on. Wait and End of others return soon after.
func (l *Leader) Close() {
	l.fd.close()
	<-l.settled
}
