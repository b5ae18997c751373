// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchyard/api"
)

// containerEnded is why a runner ends when its container has.
type containerEnded struct{ code *int }

func (e *containerEnded) Error() string {
	if e.code == nil {
		return "the container has ended"
	}
	return fmt.Sprintf("the container has ended with exit code %d", *e.code)
}

// sentence is what users are told of why their sessions end.
func sentence(name string, why error) string {
	var ended *containerEnded
	switch {
	case errors.As(why, &ended) && ended.code != nil:
		return fmt.Sprintf("container %q has ended with exit code %d", name, *ended.code)
	case errors.As(why, &ended):
		return fmt.Sprintf("container %q has ended", name)
	case problem(why) != nil:
		return fmt.Sprintf("the controller has no running container %q any more", name)
	case errors.Is(why, context.Canceled):
		return "the runner is stopping"
	}
	return fmt.Sprintf("the runner has lost sight of container %q", name)
}

// reportEnd tells the controller that the container has ended, again and again until it has heard or ctx
// ends: a record that goes on as running is one that users are led to, and that nobody else will end.
func (r *Runner) reportEnd(ctx context.Context, e *containerEnded) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := r.cfg.Controller.End(ctx, api.EndContainer{ExitCode: e.code})
		if err == nil || hasEnded(err) {
			return nil
		}
		if isFinal(err) || ctx.Err() != nil {
			return fmt.Errorf("telling the controller that %v: %w", e, err)
		}
		wait := pauseAfter(err, pause)
		r.cfg.Log.WithError(err).Warnf("the controller was not told that %v; trying again in %v", e, wait.Round(time.Millisecond))
		if rest(ctx, wait) != nil {
			return fmt.Errorf("telling the controller that %v: %w", e, err)
		}
	}
}

// hasEnded tells whether the controller refused because it knew already.
func hasEnded(err error) bool {
	p := problem(err)
	return p != nil && p.Code == api.CodeEnded
}
