// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sirupsen/logrus"

	"switchyard/api"
)

// Pauses between attempts to reach the controller.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
)

// minInterval is the least time between two reports, whatever the controller asks for.
const minInterval = time.Second

// registrar keeps the controller informed of this runner, and the host certificate fresh.
type registrar struct {
	controller Controller
	report     api.ReportRunner
	key        *hostKey
	heartbeat  time.Duration
	log        logrus.FieldLogger

	reasonAfter time.Time // until then the reason is not reported: the controller does not know it
}

// register reports until the controller has answered. It gives up when the controller's answer will not
// be another one the next time, and when ctx ends.
func (g *registrar) register(ctx context.Context) (api.RunnerReported, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		reported, err := g.once(ctx)
		if err == nil {
			return reported, nil
		}
		if isFinal(err) {
			return reported, fmt.Errorf("registering with the controller: %w", err)
		}
		if err := g.retry(ctx, pause, err); err != nil {
			return reported, err
		}
	}
}

// keep reports again and again after the first report, until ctx ends or the controller says that there is no
// such container any more. The error says which: ctx's cause, or the controller's problem.
func (g *registrar) keep(ctx context.Context, last api.RunnerReported) error {
	for {
		if err := rest(ctx, g.interval(last, time.Now())); err != nil {
			return err
		}
		reported, err := g.again(ctx)
		if err != nil {
			return err
		}
		last = reported
	}
}

// again makes one report, in as many attempts as it takes. A controller that has forgotten the key, or
// refuses for a while, is no reason to end sessions; one that says that the container is not there is.
func (g *registrar) again(ctx context.Context) (api.RunnerReported, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		reported, err := g.once(ctx)
		if err == nil {
			return reported, nil
		}
		if p := problem(err); p != nil && (p.Code == api.CodeNotFound || p.Code == api.CodeEnded) {
			return reported, err
		}
		if err := g.retry(ctx, pause, err); err != nil {
			return reported, err
		}
	}
}

// once makes one attempt, and takes the certificate that it yields into use.
func (g *registrar) once(ctx context.Context) (api.RunnerReported, error) {
	reported, err := g.tell(ctx)
	if err != nil {
		return reported, err
	}
	return reported, g.key.certify(reported.HostCertificate)
}

// retry logs a failure and pauses. The error is ctx's cause.
func (g *registrar) retry(ctx context.Context, pause time.Duration, err error) error {
	pause = pauseAfter(err, pause)
	if ctx.Err() == nil {
		g.log.WithError(err).Warnf("the controller was not told of this runner; trying again in %v", pause.Round(time.Millisecond))
	}
	return rest(ctx, pause)
}

// pauseAfter is the pause after a failure: this one, or a longer one that the controller asks for.
func pauseAfter(err error, pause time.Duration) time.Duration {
	if p := problem(err); p != nil && p.RetryAfter > 0 {
		pause = min(max(pause, p.RetryAfter), lastPause)
	}
	return jitter(pause)
}

// interval is the time to the next report: a heartbeat, or earlier when the certificate is to be renewed.
func (g *registrar) interval(last api.RunnerReported, now time.Time) time.Duration {
	d := jitter(g.heartbeat)
	if !last.RenewAt.IsZero() {
		d = min(d, last.RenewAt.Sub(now))
	}
	return max(d, minInterval)
}

// jitter varies a pause by a fifth either way, so that the runners that lost one controller at the
// same moment do not all come back at the same moment.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1)
}

// rest waits. The error is ctx's cause.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// isFinal tells whether to ask again is useless: the controller refuses what it was asked (4xx, but not
// for being too slow or too many), or is not one that we trust.
func isFinal(err error) bool {
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return true
	}
	p := problem(err)
	if p == nil || p.Status == 408 || p.Status == 429 {
		return false
	}
	return p.Status >= 400 && p.Status < 500
}

// problem finds the controller's own answer in an error.
func problem(err error) *api.Problem {
	var p *api.Problem
	if errors.As(err, &p) {
		return p
	}
	return nil
}
