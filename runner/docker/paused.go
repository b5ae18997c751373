// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"time"
)

// pausedPause is how often a start that takes long looks whether the container has been paused.
const pausedPause = time.Second

// unlessPaused bounds a start by the container's being paused meanwhile. What was about to start stands still then,
// and ends when the container is unpaused; the user is told at once. The caller calls stop.
func (t *Target) unlessPaused(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer cancel()
		for rest(ctx, pausedPause, nil) == nil {
			if t.paused() {
				return
			}
		}
	}()
	return ctx, func() { cancel(); <-over }
}
