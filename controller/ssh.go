// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sirupsen/logrus"

	"switchyard/api"
	"switchyard/upgrade"
)

// recordTimeout bounds a write about a session that must not depend on the client's patience.
const recordTimeout = 15 * time.Second

// openSSH is the switchyard: it joins the client's connection to the container's runner. The order of its
// steps is what makes it safe and must never change (CVE-2018-1002105).
func (c *Controller) openSSH(x *call) error {
	began := time.Now()
	if err := checkUpgrade(x.r); err != nil {
		return err
	}
	found, _, err := c.authorise(x)
	if err != nil {
		return err
	}
	s, err := c.reserve(x, found.Container)
	if err != nil {
		return err
	}
	x.id = string(s.ID)
	x.log = x.log.WithFields(logrus.Fields{"session": s.ID, "container": qualified(found.Container), "user": s.User})
	opening := true
	defer func() {
		if opening {
			c.registry.remove(s)
		}
	}()
	// Whoever takes a right away closes the sessions that it held open, and finds them in the registry. This
	// one was not there when it was asked first: what was taken in between is seen only now.
	found, local, err := c.authorise(x)
	if err != nil {
		return err
	}
	if found.ID != s.ContainerID {
		return conflict("the name has come to mean another container, %q: try again", qualified(found.Container))
	}
	joint, err := c.join(x, s, found.Container, local)
	if err != nil {
		return err
	}
	opening = false
	c.metrics.handshake.Observe(time.Since(began).Seconds())
	x.log.WithField("client", s.ClientAddress).Info("session opened")
	go c.run(s, joint, x.log)
	return nil
}

// probeSSH answers as openSSH would, as far as that can be told without reaching the runner: a client that
// hands its connection to OpenSSH can show the reason for a refusal before it does.
func (c *Controller) probeSSH(x *call) error {
	if _, _, err := c.authorise(x); err != nil {
		return err
	}
	if err := c.registry.mayReserve(x.caller.user.Name); err != nil {
		return err
	}
	return x.done()
}

// checkUpgrade refuses what is not an upgrade to SSH, before anything is looked up for it.
func checkUpgrade(r *http.Request) error {
	err := upgrade.Check(r, api.ProtocolSSH)
	var refusal *upgrade.Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal) && refusal.Status == http.StatusUpgradeRequired:
		return api.NewProblem(refusal.Status, api.CodeUpgradeRequired, "This is for an upgrade", "%s", refusal.Reason)
	}
	return badRequest("%v", err)
}

// authorise finds out who asks for which container and whether she may open it now.
func (c *Controller) authorise(x *call) (found Found, local string, err error) {
	if err := c.authenticate(x); err != nil {
		return found, "", err
	}
	if x.caller.runner != "" {
		return found, "", forbidden("a container key opens no session: use a user's token")
	}
	if local, err = localUser(x.r.Header); err != nil {
		return found, "", err
	}
	if found, err = c.target(x, api.Member, "open a session"); err != nil {
		return found, "", err
	}
	system, err := c.shellAccess(x.r.Context())
	if err != nil {
		return found, "", err
	}
	if p := shellRefusal(system, x.caller.user.Admin, found); p != nil {
		return found, "", p
	}
	return found, local, running(found.Container)
}

// running refuses a container that cannot be entered now.
func running(v api.Container) error {
	switch {
	case v.State == api.Ended:
		return endedProblem(v)
	case v.State != api.Running || v.RunnerAddress == "":
		p := api.NewProblem(http.StatusServiceUnavailable, api.CodeQueued, "The container is not running yet",
			"container %q is not running yet: \"--wait\" waits for it", qualified(v))
		p.RetryAfter = retrySoon
		return p
	}
	return nil
}

// maxLocalUser is the longest name of a local user; that of Linux is 32, of Windows 256.
const maxLocalUser = 256

// localUser reads the local user's name. It goes into the grant and from there into logs, so it must be
// a name of sorts.
func localUser(h http.Header) (string, error) {
	values := h.Values(api.HeaderLocalUser)
	if len(values) == 0 {
		return "", nil
	}
	v := values[0]
	switch {
	case len(values) > 1:
		return "", badRequest("the request has %d %s headers, need at most one", len(values), api.HeaderLocalUser)
	case len(v) > maxLocalUser:
		return "", badRequest("the %s header has %d bytes: %d is the most", api.HeaderLocalUser, len(v), maxLocalUser)
	case !printable(v):
		return "", badRequest("the %s header %q holds what is not printable", api.HeaderLocalUser, v)
	}
	return v, nil
}

// printable tells whether s is UTF-8 text without control characters.
func printable(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func (c *Controller) reserve(x *call, v api.Container) (*session, error) {
	return c.registry.reserve(x.r.Context(), api.Session{
		ID: api.SessionID(newID()), User: x.caller.user.Name,
		ContainerID: v.ID, Container: v.Name, Project: v.Project,
		ClientAddress: x.clientAddress(),
	}, x.caller.token.ID)
}

// join reaches the runner and, once that has proved what it is, takes the client's connection over. When
// it fails, everything is undone and the client has yet to be answered, unless it has been taken over.
func (c *Controller) join(x *call, s *session, v api.Container, local string) (*upgrade.Joint, error) {
	runner, failure := c.reach(s, v, local)
	if failure != nil {
		return nil, c.notReached(x, s, v, failure)
	}
	if err := c.enter(s, v); err != nil {
		runner.Close()
		return nil, err
	}
	client, err := upgrade.Accept(x.w, api.ProtocolSSH, http.Header{api.HeaderSession: {string(s.ID)}})
	if err != nil {
		runner.Close()
		c.recordEnd(s, 0, 0, x.log)
		return nil, taken(x, err)
	}
	x.w.status = http.StatusSwitchingProtocols
	joint := upgrade.NewJoint(client, runner)
	err = upgrade.KeepAlive(client.Conn, c.cfg.Probes)
	if err == nil {
		err = c.registry.attach(s, joint)
	}
	if err != nil {
		joint.Close()
		c.recordEnd(s, 0, 0, x.log)
		return nil, taken(x, err)
	}
	return joint, nil
}

// enter counts the session and writes it down.
func (c *Controller) enter(s *session, v api.Container) error {
	if reason := c.registry.enter(s); reason != nil {
		return closedWhileOpening(reason)
	}
	s.StartedAt = now()
	return c.record(s, v)
}

// closedWhileOpening answers a client whose session was closed by the controller before it was open.
func closedWhileOpening(reason error) *api.Problem {
	if errors.Is(reason, errStopping) {
		return drainingProblem()
	}
	return conflict("the session was closed while it was opened: %v", reason)
}

// taken is for an error after which nothing can be answered on the connection.
func taken(x *call, err error) error {
	if x.w.status == 0 {
		x.w.status = http.StatusSwitchingProtocols
	}
	return fmt.Errorf("taking over the client's connection: %v", err)
}

// record writes the session down and stamps its container.
func (c *Controller) record(s *session, v api.Container) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), recordTimeout)
	defer cancel()
	err := c.store.OpenSession(ctx, s.Session, c.cfg.Name)
	if !errors.Is(err, ErrEnded) {
		return err
	}
	// It has ended since it was looked up.
	if now, err := c.store.Container(ctx, v.ID); err == nil {
		v = now
	}
	return endedProblem(v)
}

func (c *Controller) recordEnd(s *session, in, out int64, log logrus.FieldLogger) {
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	if err := c.store.EndSession(ctx, s.ID, time.Now(), in, out); err != nil {
		log.WithError(err).Error("could not record the end of a session: the next start will")
	}
}

// run moves the session's bytes until it ends, and then leaves nothing of it.
func (c *Controller) run(s *session, j *upgrade.Joint, log logrus.FieldLogger) {
	err := j.Run()
	c.recordEnd(s, j.AToB(), j.BToA(), log)
	log = log.WithFields(logrus.Fields{
		"bytes_in": j.AToB(), "bytes_out": j.BToA(), "lasted": time.Since(s.StartedAt).Round(time.Millisecond).String(),
	})
	switch reason := c.registry.remove(s); {
	case reason != nil:
		log.WithField("reason", reason.Error()).Info("session closed")
	case err != nil:
		log.WithField("reason", err.Error()).Info("session broke")
	default:
		log.Info("session ended")
	}
}
