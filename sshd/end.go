// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"sync"
	"time"
)

// announceTimeout is how long a session's process is kept running for a client that does not take the
// line that says why it ends.
const announceTimeout = time.Second

// end ends the connection from this side. Every session is told why, its process is ended, and how it
// ended goes to the client with the channel's close; then the connection is closed, at the latest after
// Config.EndTimeout.
func (c *connection) end(cause error) {
	defer close(c.ended)
	if errors.Is(cause, context.Canceled) {
		cause = errors.New("the server ended this connection")
	}
	c.refuseChannels(cause)
	late := time.NewTimer(c.cfg.EndTimeout)
	defer late.Stop()

	sessions := c.liveSessions()
	told := announce(sessions, "switchyard: "+oneLine(cause.Error()))
	waitUntil(told, time.After(announceTimeout))
	for _, s := range sessions {
		s.stop()
	}
	done := allDone(sessions)
	waitUntil(done, late.C)
	c.conn.Close()
	<-told
	<-done
}

// isOver tells whether the connection is being ended, or has been. Its sessions are told so and then stopped.
func (c *connection) isOver() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over != nil
}

func (c *connection) liveSessions() []*session {
	c.mu.Lock()
	defer c.mu.Unlock()
	live := make([]*session, 0, len(c.sessions))
	for s := range c.sessions {
		live = append(live, s)
	}
	return live
}

// announce writes the line to every session at once. The channel is closed when all have taken it or
// are gone.
func announce(sessions []*session, line string) <-chan struct{} {
	var writers sync.WaitGroup
	for _, s := range sessions {
		writers.Go(func() { s.tell(line) })
	}
	return closedAfter(writers.Wait)
}

// allDone is closed when all sessions are done.
func allDone(sessions []*session) <-chan struct{} {
	return closedAfter(func() {
		for _, s := range sessions {
			<-s.done
		}
	})
}

// closedAfter runs wait and closes the channel when it returns.
func closedAfter(wait func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait()
	}()
	return done
}

func waitUntil(done <-chan struct{}, timeout <-chan time.Time) {
	select {
	case <-done:
	case <-timeout:
	}
}
