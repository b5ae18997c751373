// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"
	"time"

	"switchyard/api"
)

// Patience is how long to wait for a container that is not running yet. The zero value does not wait.
type Patience struct {
	Wait  bool
	Limit time.Duration // 0: for ever
}

const (
	minRetry = time.Second      // also where the controller names no time
	maxRetry = 30 * time.Second // a container that starts meanwhile should not be kept for longer
)

// Wait repeats try until it succeeds, fails for a reason that waiting does not mend, or patience ends.
// Between two tries it waits as long as the refusal asks (Retry-After). ctx ends it early.
func Wait(ctx context.Context, p Patience, try func() error) error {
	start := time.Now()
	for {
		err := try()
		if err == nil || !p.Wait || !passes(err) {
			return err
		}
		pause := retryPause(err)
		if p.Limit > 0 && time.Since(start)+pause > p.Limit {
			return fmt.Errorf("waited %v in vain: %w", p.Limit, err)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// passes tells whether time alone can mend err: a container that is queued starts, a controller that
// drains is back soon.
func passes(err error) bool {
	c := problem(err).Code
	return c == api.CodeQueued || c == api.CodeDraining
}

func retryPause(err error) time.Duration {
	return min(max(problem(err).RetryAfter, minRetry), maxRetry)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
