// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"switchyard/api"
	"switchyard/controller/ca"
)

// reportRunner notes where a container's runner is and certifies its host key. A runner calls it at its
// start, to renew the certificate, and again whenever it likes.
func (c *Controller) reportRunner(x *call) error {
	var req api.ReportRunner
	if err := x.decode(&req); err != nil {
		return err
	}
	if err := checkReport(&req); err != nil {
		return badRequest("%v", err)
	}
	v, changed, err := c.takeReport(x, req)
	switch {
	case errors.Is(err, ErrNotFound):
		return noContainer(x.caller.runner, "", "")
	case errors.Is(err, ErrEnded):
		return endedProblem(v)
	case errors.Is(err, ErrOtherID):
		return conflict("the runner serves the Docker container %q, which is not the one that was registered", req.DockerID)
	case errors.Is(err, ErrServed):
		return conflict("container %q is served by a runner on node %q: stop that one first", qualified(v), v.Node)
	case err != nil:
		return fmt.Errorf("recording a runner: %v", err)
	}
	signed, err := c.certify(v)
	if err != nil {
		return err
	}
	if changed {
		x.log.WithField("container", qualified(v)).WithField("node", clip(v.Node, maxNode)).
			WithField("runner", v.RunnerAddress).Info("runner reported")
	}
	return x.reply(http.StatusOK, api.RunnerReported{
		Name: v.Name, Project: v.Project, HostCertificate: signed.Line, RenewAt: signed.RenewAt,
	})
}

// certify signs the host key in the record for every name that a user may call the container by.
func (c *Controller) certify(v api.Container) (ca.Signed, error) {
	key, _, err := ca.ParseHostKey(v.HostKey)
	if err != nil {
		return ca.Signed{}, err
	}
	const suffix = "." + api.HostSuffix
	id, full := string(v.ID), qualified(v)
	principals := []string{id, v.Name, full, id + suffix, v.Name + suffix, full + suffix}
	return c.cfg.Host.Sign(key, id, principals, time.Now())
}
