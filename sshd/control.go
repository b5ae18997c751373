// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"sync"

	"github.com/sirupsen/logrus"
)

// maxControl is how many signals and breaks may wait for a process, one that is being started included.
const maxControl = 16

// control carries the requests that reach a process which has been asked for: sizes, signals, breaks.
// They are kept here while the process starts, and done by a goroutine that is not the request loop's,
// since a target may take its time over each.
type control struct {
	wake chan struct{} // holds one when something waits

	mu      sync.Mutex // guards what follows; never held over a call of the process
	next    *resizing  // the size to set; nil: none waits
	last    *resizing  // what was taken last; nil: none yet
	actions []func(Process) error
}

// resizing is a size to set.
type resizing struct {
	size WindowSize
	done chan struct{} // closed when it has been set
}

func newControl() *control {
	return &control{wake: make(chan struct{}, 1)}
}

// resize makes size the one to set. One that still waits is forgotten: only the last one counts.
func (c *control) resize(size WindowSize) {
	c.mu.Lock()
	if c.next == nil {
		c.next = &resizing{done: make(chan struct{})}
	}
	c.next.size = size
	c.mu.Unlock()
	c.wakeUp()
}

// sized is closed when the sizes so far have been set; nil when there were none.
func (c *control) sized() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.next != nil:
		return c.next.done
	case c.last != nil:
		return c.last.done
	}
	return nil
}

// do queues an action, or says that too many wait.
func (c *control) do(action func(Process) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.actions) >= maxControl {
		return errors.New("too many signals wait for the process")
	}
	c.actions = append(c.actions, action)
	c.wakeUp()
	return nil
}

func (c *control) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run does what comes until ctx ends.
func (c *control) run(ctx context.Context, p Process, log logrus.FieldLogger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		for _, action := range c.take() {
			if err := action(p); err != nil {
				log.WithError(err).Debug("controlling the process")
			}
		}
	}
}

// take empties the queue. The size comes first: what a signal makes a program draw fits it.
func (c *control) take() []func(Process) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	actions := c.actions
	if next := c.next; next != nil {
		resize := func(p Process) error {
			defer close(next.done)
			return p.Resize(next.size)
		}
		actions = append([]func(Process) error{resize}, actions...)
		c.last = next
	}
	c.next, c.actions = nil, nil
	return actions
}
