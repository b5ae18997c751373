// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

// pauseTime bounds the attempts to pause a container. It only bounds a failure.
const pauseTime = 2 * time.Minute

// Pause pauses the container. Its runtime gives up soon on processes that do not stand still, which on a busy machine
// are those that have not had their turn yet, and then lets all go on; so it is asked again.
func (c *Container) Pause(tb testing.TB) {
	tb.Helper()
	Eventually(tb, pauseTime, func() (bool, string) {
		ctx, cancel := context.WithTimeout(context.Background(), engineTimeout)
		defer cancel()
		_, err := c.engine.client.ContainerPause(ctx, c.ID, client.ContainerPauseOptions{})
		if err != nil && !strings.Contains(err.Error(), "unable to freeze") {
			tb.Fatalf("pausing container %q: %v", c.Name, err)
		}
		return err == nil, "the runtime cannot"
	})
}

// Unpause lets the container go on.
func (c *Container) Unpause(tb testing.TB) {
	tb.Helper()
	c.do(tb, "unpausing", func(ctx context.Context, cli *client.Client) error {
		_, err := cli.ContainerUnpause(ctx, c.ID, client.ContainerUnpauseOptions{})
		return err
	})
}
