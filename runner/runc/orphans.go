// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runc

import (
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"

	"switchyard/runner/child"
	"switchyard/runner/proc"
)

// family is this process as the one that adopts what its children leave behind. The runtime leaves the
// process that it starts, which so becomes our child. In a container that has no PID namespace of its own,
// whatever a session's processes leave behind comes to us as well, and is reaped when it dies.
//
// There is one, because adopting is an attribute of the whole process (PR_SET_CHILD_SUBREAPER(2const)).
var family orphans

// orphans reaps the adopted children that nobody knows. It must spare three others: those that this process
// has forked itself (for os/exec, say), which are in its own session while an adopted one has left it
// (setsid(2) is among the first things that the runtime does for a process); leaders of sessions, which are
// reaped in their time; and a leader that is not known yet, for which reaping waits while anything is being
// started.
type orphans struct {
	mu       sync.Mutex // guards all below, and is held while reaping
	users    int
	starting int
	missed   bool // a child died meanwhile
	leaders  map[int]bool

	died    chan os.Signal // SIGCHLD, which comes once for several deaths
	stopped chan struct{}  // closed when the goroutine that reaps has ended
}

// open makes this process adopt. Each open needs a close.
func (o *orphans) open() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.users == 0 {
		if _, err := proc.DeadChildren(); err != nil {
			return err
		}
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return os.NewSyscallError("prctl", err)
		}
		o.leaders = map[int]bool{}
		o.died, o.stopped = make(chan os.Signal, 1), make(chan struct{})
		signal.Notify(o.died, unix.SIGCHLD)
		go o.reap(o.died, o.stopped)
	}
	o.users++
	return nil
}

// close gives up what open did. Nothing may be starting any more.
func (o *orphans) close() {
	o.mu.Lock()
	o.users--
	last, stopped := o.users == 0, o.stopped
	if last {
		signal.Stop(o.died)
		close(o.died)
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	}
	o.mu.Unlock()
	if last {
		<-stopped
	}
}

func (o *orphans) reap(died <-chan os.Signal, stopped chan<- struct{}) {
	defer close(stopped)
	for range died {
		o.mu.Lock()
		o.reapUnknown()
		o.mu.Unlock()
	}
}

// reapUnknown reaps, or remembers to; o is locked.
func (o *orphans) reapUnknown() {
	if o.missed = o.starting > 0; o.missed {
		return
	}
	dead, _ := proc.DeadChildren()
	own, err := unix.Getsid(0)
	if err != nil {
		return
	}
	for _, d := range dead {
		if d.Session != own && !o.leaders[d.PID] {
			child.Reap(d.PID)
		}
	}
}

// start says that a leader is about to become known; each start needs a settle.
func (o *orphans) start() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.starting++
}

// settle ends a start. pid is the leader, 0 if there is none.
func (o *orphans) settle(pid int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.starting--
	if pid > 0 {
		o.leaders[pid] = true
	}
	if o.missed {
		o.reapUnknown()
	}
}

// release reaps a leader that has exited.
func (o *orphans) release(pid int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	child.Reap(pid)
	delete(o.leaders, pid)
}
