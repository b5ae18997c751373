// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sessions

import (
	"maps"
	"slices"
	"time"
)

// Pauses between looks at what could not be ended: it is stuck in the kernel, or the container is paused, in which
// nothing dies before it is unpaused.
const (
	tendPause    = 50 * time.Millisecond
	tendMaxPause = 5 * time.Second
)

// tend starts to see to what is left, unless that has begun; k is locked.
func (k *Keeper) tend() {
	if k.tended || k.ctx.Err() != nil {
		return
	}
	k.tended = true
	k.work.Go(func() {
		for pause := tendPause; k.rest(pause); pause = min(2*pause, tendMaxPause) {
			k.prune()
		}
	})
}

// rest waits, and tells whether there is still anything to see to.
func (k *Keeper) rest(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.ctx.Done():
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tended = len(k.left) > 0 && k.ctx.Err() == nil
	return k.tended
}

// prune puts away what is not left any more.
func (k *Keeper) prune() {
	for _, s := range k.sessions(&k.left) {
		if s.again() {
			k.set(s, false, false)
			s.forget()
		}
	}
}

// sessions copies one of the keeper's sets.
func (k *Keeper) sessions(set *map[*Session]bool) []*Session {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Keys(*set))
}
