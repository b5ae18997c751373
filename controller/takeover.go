// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"time"

	"switchyard/api"
)

const (
	// incumbentTimeout bounds the asking of the runner that the record names. It answers within milliseconds
	// when it is there; the new one waits for as long as this when its machine is not.
	incumbentTimeout = 3 * time.Second
	// maxTakeovers is how many runners one report may find in its place, one after the other.
	maxTakeovers = 3
)

// controllerItself stands in a grant for the user. It is no name that a user can have.
const controllerItself = "(controller)"

// takeReport records a report. One that comes from another address than the recorded one holds only when no
// runner proves itself there any more: whoever held the container's key once could report otherwise, and so
// take the place of the one that serves. The error is the store's, ErrServed when there is such a runner.
//
// The record is changed only as long as it names the address that was asked, so of several reports at once
// one is taken, and the others find its runner in their place.
func (c *Controller) takeReport(x *call, req api.ReportRunner) (v api.Container, changed bool, err error) {
	over := ""
	for range maxTakeovers {
		v, changed, err = c.store.ReportRunner(x.r.Context(), x.caller.runner, req, over, now())
		if !errors.Is(err, ErrServed) {
			return v, changed, err
		}
		if err := c.vacant(x, v, req); err != nil {
			return v, false, err
		}
		over = v.RunnerAddress
	}
	return v, false, err
}

// vacant tells whether no runner of this container answers at the recorded address. The error is ErrServed
// when one does, and ctx's when whoever reports did not wait for the answer.
func (c *Controller) vacant(x *call, v api.Container, req api.ReportRunner) error {
	log := x.log.WithField("container", qualified(v)).WithField("node", clip(v.Node, maxNode)).WithField("runner", v.RunnerAddress).
		WithField("reported", clip(req.Address, 300))
	failure := c.askIncumbent(x.r.Context(), v)
	if err := x.r.Context().Err(); err != nil {
		return err // what failed may have failed for that
	}
	if failure == nil {
		log.Warn("a second runner was refused: the first one serves")
		return ErrServed
	}
	log.WithField("cause", failure.cause.Error()).Infof("another runner takes over: the earlier one %s", failure.what)
	return nil
}

// askIncumbent has the recorded runner prove itself, with a grant that allows nothing.
func (c *Controller) askIncumbent(ctx context.Context, v api.Container) *runnerFailure {
	ctx, cancel := context.WithTimeout(ctx, min(incumbentTimeout, c.cfg.HandshakeTimeout))
	defer cancel()
	conn, failure := c.meet(ctx, v, api.Grant{
		SessionID: api.SessionID(newID()), ContainerID: v.ID, User: controllerItself,
		Features: []api.Feature{}, IssuedAt: time.Now().UTC().Truncate(time.Second),
	})
	if failure != nil {
		return failure
	}
	conn.Close()
	return nil
}
