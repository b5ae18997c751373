// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sessions

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"switchyard/runner/cgroup"
)

// Config says whose sessions are kept. The zero value works, for a target that is no container: its sessions have
// neither cgroups nor records.
type Config struct {
	// ContainerID is Docker's full id of the container. Empty: there is none.
	ContainerID string
	// PID is the container's main process, which the caller holds.
	PID int
	// OnEnd is what becomes of processes. Empty: HangUp.
	OnEnd Policy
	// Grace is how long a session's processes have between SIGHUP and SIGKILL. Zero or less: none.
	Grace time.Duration
	// Log gets what happens behind a user's back. Nil: nowhere.
	Log logrus.FieldLogger
	// Abandon ends an instance of docker exec of which no process is known. It is called for what a dead runner
	// left, by several at once. Nil: there are none.
	Abandon func(instance string)
	// Observe is told of each start. Nil: nobody.
	Observe func(Start)
	// Dir is where records are kept. Empty: /run, or where that is missing the directory for temporary files.
	Dir string
}

// Start is how the start of a process went.
type Start struct {
	Way      string // as Begin was told
	Failed   bool
	Duration time.Duration
}

// Keeper keeps the sessions of one target. Its methods may be called concurrently.
type Keeper struct {
	cfg   Config
	owner owner
	boot  string
	tree  *cgroup.Tree // nil where sessions have no cgroups
	state state
	own   lockedDir // nil inside where there are no records
	// dead are the directories of dead runners whose sessions are not over. It is the recovery's, and after that Close's.
	dead map[owner]lockedDir

	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex // guards what follows; never held over I/O
	last   uint64     // of the sessions' numbers
	live   map[*Session]bool
	left   map[*Session]bool // ended, but with processes that are left
	tended bool              // a goroutine sees to those
}

// Open never fails: what is not possible on this machine is done without, and the log says so. The caller calls Close.
func Open(c Config) *Keeper {
	k := &Keeper{cfg: c.withDefaults(), boot: bootID(), live: map[*Session]bool{}, left: map[*Session]bool{}}
	k.ctx, k.stop = context.WithCancel(context.Background())
	if c.ContainerID == "" {
		k.sayWithoutCgroups(logrus.DebugLevel, "this target is no container")
		return k
	}
	k.openTree()
	k.openState()
	k.work.Go(func() { k.recover(); k.state.sweep() })
	return k
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		quiet := logrus.New()
		quiet.SetOutput(io.Discard)
		c.Log = quiet
	}
	if c.OnEnd == "" {
		c.OnEnd = HangUp
	}
	if c.Dir == "" {
		c.Dir = "/run"
		if unix.Access(c.Dir, unix.W_OK) != nil {
			c.Dir = os.TempDir()
		}
	}
	c.Grace = max(c.Grace, 0)
	return c
}

func (k *Keeper) openTree() {
	tree, err := cgroup.Open(k.cfg.PID, k.cfg.ContainerID)
	if err != nil {
		k.sayWithoutCgroups(logrus.InfoLevel, err.Error())
		return
	}
	k.tree = tree
	k.cfg.Log.Infof("each session has a cgroup of its own below the container's (%s)", tree)
}

// sayWithoutCgroups says why, at that level at least, and what it means for the policy.
func (k *Keeper) sayWithoutCgroups(level logrus.Level, why string) {
	means := "their processes are found by the session's id"
	if k.cfg.OnEnd == Kill {
		level, means = logrus.WarnLevel, "what detached itself from its session is not found, and so not killed"
	}
	k.cfg.Log.WithFields(nil).Logf(level, "sessions have no cgroups of their own (%s): %s", why, means)
}

// openState takes a directory for records, and the locks of those that dead runners left.
func (k *Keeper) openState() {
	self, err := newOwner()
	if err == nil {
		k.owner, k.state = self, state{filepath.Join(k.cfg.Dir, statePrefix+k.cfg.ContainerID)}
		if k.own, k.dead, err = k.state.claim(self); err == nil {
			err = k.own.noteMain(k.cfg.PID)
		}
	}
	switch {
	case err != nil && k.own.File != nil:
		k.cfg.Log.WithError(err).Debug("writing down the container's main process")
	case err != nil:
		k.cfg.Log.WithError(err).Warn("no records of sessions can be kept: should this runner be killed, what it leaves is not ended by the next")
	}
}

// Close waits for those leftover sessions of other runners that are being ended, each of which takes the grace and some
// seconds at most; it begins with no other. Every session of its own has been ended before. The rest, and what is stuck,
// is left to the next runner.
func (k *Keeper) Close() {
	k.stop()
	k.work.Wait()
	k.prune()
	if k.tree != nil {
		_ = k.tree.Group(Detached).Remove() // what is in it stays
	}
	k.giveBack()
	if k.own.File != nil {
		k.state.remove(k.own)
	}
}

// Begin begins a session. The way is how its process will be started, for Observe. Started or Failed must follow.
func (k *Keeper) Begin(way string) *Session {
	s := &Session{k: k, way: way, begun: time.Now()}
	k.mu.Lock()
	k.last++
	s.number = k.last
	k.mu.Unlock()
	if k.own.File != nil {
		s.file = filepath.Join(k.own.Name(), strconv.FormatUint(s.number, 10))
	}
	if k.tree != nil && k.own.File != nil {
		group, err := k.tree.Make(groupName(k.owner, s.number))
		if err != nil {
			k.cfg.Log.WithError(err).Debug("making a session's cgroup")
		} else {
			s.group, s.record.Cgroup = group, group.Name()
		}
	}
	s.record.Boot = k.boot
	return s
}

// set says what a session is: live, its process started and not ended; or left, ended with processes that are
// left; or neither.
func (k *Keeper) set(s *Session, live, left bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.live, s)
	delete(k.left, s)
	if live {
		k.live[s] = true
	}
	if left {
		k.left[s] = true
		k.tend()
	}
}
