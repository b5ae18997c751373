// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/api"
)

func refused(code api.Code, retry time.Duration) error {
	return &Refusal{Problem: &api.Problem{Status: 503, Code: code, Detail: "not yet", RetryAfter: retry}}
}

// attempt answers with errs, one after the other, and then with none. It notes when it was asked.
func attempt(at *[]time.Duration, errs ...error) func() error {
	start := time.Now()
	return func() error {
		*at = append(*at, time.Since(start))
		if n := len(*at) - 1; n < len(errs) {
			return errs[n]
		}
		return nil
	}
}

func TestWaitHeedsRetryAfterWithinBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		err := Wait(t.Context(), Patience{Wait: true}, attempt(&at, refused(api.CodeQueued, 5*time.Second), refused(api.CodeDraining, 0), refused(api.CodeQueued, time.Hour)))
		want := []time.Duration{0, 5 * time.Second, 6 * time.Second, 36 * time.Second}
		if err != nil || len(at) != len(want) {
			t.Fatalf("%v, asked at %v", err, at)
		}
		for i := range want {
			if at[i] != want[i] {
				t.Errorf("asked at %v, want %v", at, want)
			}
		}
	})
}

func TestWaitEndsWithPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		queued := refused(api.CodeQueued, 4*time.Second)
		err := Wait(t.Context(), Patience{Wait: true, Limit: 10 * time.Second}, attempt(&at, queued, queued, queued, queued))
		if ExitCode(err) != ExitNotNow || !strings.HasPrefix(err.Error(), "waited 10s in vain: not yet") || len(at) != 3 {
			t.Errorf("%v, asked at %v", err, at)
		}
	})
}

func TestWaitDoesNotWaitForWhatTimeDoesNotMend(t *testing.T) {
	for _, c := range []api.Code{api.CodeEnded, api.CodeTooMany, api.CodeNotFound, ""} {
		var at []time.Duration
		if err := Wait(t.Context(), Patience{Wait: true}, attempt(&at, refused(c, 0))); err == nil || len(at) != 1 {
			t.Errorf("%q: %v after %d tries", c, err, len(at))
		}
	}
	var at []time.Duration
	if err := Wait(t.Context(), Patience{}, attempt(&at, refused(api.CodeQueued, 0))); err == nil || len(at) != 1 {
		t.Errorf("waited unasked: %v after %d tries", err, len(at))
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := Wait(ctx, Patience{Wait: true}, func() error { return refused(api.CodeQueued, 10*time.Second) })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
