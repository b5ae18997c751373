// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Stats are counters of a runner, for metrics.
type Stats struct {
	Live     int64 // SSH connections being served now
	Accepted int64 // SSH connections ever served
	Refused  int64 // connections that did not show the proof
	Evicted  int64 // connections closed for newer ones before they showed anything
}

// connections are all that a runner has accepted.
type connections struct {
	limit int // of waiting

	// ctx ends when the trusted ones must, its cause being the sentence for their users.
	ctx context.Context
	end context.CancelCauseFunc

	mu      sync.Mutex // guards what follows; never held over I/O but closing
	waiting []net.Conn // oldest first
	trusted map[net.Conn]struct{}
	closed  bool

	all sync.WaitGroup // added to under mu while closed is false

	live, accepted, refused, evicted atomic.Int64
}

func newConnections(limit int) *connections {
	c := &connections{limit: limit, trusted: map[net.Conn]struct{}{}}
	c.ctx, c.end = context.WithCancelCause(context.Background())
	return c
}

func (c *connections) stats() Stats {
	return Stats{Live: c.live.Load(), Accepted: c.accepted.Load(), Refused: c.refused.Load(), Evicted: c.evicted.Load()}
}

// add registers an accepted connection as waiting. When too many wait, the oldest is closed: the controller
// shows its proof within milliseconds, so whoever has waited longest is the least likely to. It is
// false when the runner is ending. Whoever adds calls remove.
func (c *connections) add(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	if len(c.waiting) >= c.limit {
		c.waiting[0].Close()
		c.waiting = slices.Delete(c.waiting, 0, 1)
		c.evicted.Add(1)
	}
	c.waiting = append(c.waiting, conn)
	c.all.Add(1)
	return true
}

// trust makes a waiting connection a trusted one. It is false when that has been closed meanwhile.
func (c *connections) trust(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.waiting, conn)
	if i < 0 {
		return false
	}
	c.waiting = slices.Delete(c.waiting, i, i+1)
	c.trusted[conn] = struct{}{}
	c.accepted.Add(1)
	c.live.Add(1)
	return true
}

func (c *connections) remove(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.waiting, conn); i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
	}
	if _, ok := c.trusted[conn]; ok {
		delete(c.trusted, conn)
		c.live.Add(-1)
	}
	c.all.Done()
}

// close ends all connections: the waiting ones at once, the trusted ones with the cause shown to their
// users. It waits until they are gone; after the limit their sockets are closed under them. It tells
// whether all are gone then.
func (c *connections) close(cause error, limit time.Duration) bool {
	c.mu.Lock()
	c.closed = true
	for _, conn := range c.waiting {
		conn.Close()
	}
	c.waiting = nil
	c.mu.Unlock()
	c.end(cause)

	gone := make(chan struct{})
	go func() { c.all.Wait(); close(gone) }()
	if within(gone, limit) {
		return true
	}
	c.cut()
	return within(gone, cutTime)
}

func (c *connections) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.trusted {
		conn.Close()
	}
}

// cutTime is how long a connection may take to end after its socket was closed.
const cutTime = 5 * time.Second

// within tells whether done was closed in time.
func within(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}
