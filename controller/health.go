// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"net/http"
	"time"

	"switchyard/api"
)

// readyTimeout is how long the database may take to answer.
const readyTimeout = 3 * time.Second

// status is the answer of the health endpoints.
type status struct {
	Status string `json:"status"`
}

// health tells that the process answers.
func (c *Controller) health(x *call) error { return x.reply(http.StatusOK, status{"ok"}) }

// ready tells whether sessions are opened here.
func (c *Controller) ready(x *call) error {
	if c.registry.isDraining() {
		return drainingProblem()
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), readyTimeout)
	defer cancel()
	if err := c.store.Ping(ctx); err != nil {
		x.log.WithError(err).Error("the database does not answer")
		p := api.NewProblem(http.StatusServiceUnavailable, api.CodeInternal, "The controller is not ready", "the database does not answer")
		p.RetryAfter = retrySoon
		return p
	}
	return x.reply(http.StatusOK, status{"ready"})
}
