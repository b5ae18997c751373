// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"switchyard/api"
	"switchyard/proof"
	"switchyard/upgrade"
)

// RunnerDialer reaches the runner of a container.
type RunnerDialer interface {
	// DialRunner returns a connection to the runner, on which its TLS begins. ctx bounds the dialling alone.
	DialRunner(ctx context.Context, c api.Container) (net.Conn, error)
}

// TCPDialer reaches a runner at the address that it reported.
type TCPDialer struct{ Dialer net.Dialer }

func (d TCPDialer) DialRunner(ctx context.Context, c api.Container) (net.Conn, error) {
	return d.Dialer.DialContext(ctx, "tcp", c.RunnerAddress)
}

// runnerFailure is why a runner was not reached: what for the user, cause for the log.
type runnerFailure struct {
	what  string
	cause error
}

// reach dials the runner and has both ends prove themselves. Nothing of the client's is sent: what the
// runner gets is the request and the grant. The connection it returns has no deadline.
func (c *Controller) reach(s *session, v api.Container, local string) (*upgrade.Conn, *runnerFailure) {
	ctx, cancel := context.WithTimeout(s.ctx, c.cfg.HandshakeTimeout)
	defer cancel()
	return c.meet(ctx, v, api.Grant{
		SessionID: s.ID, ContainerID: v.ID, User: s.User,
		LocalUser: local, ClientAddress: s.ClientAddress,
		Features: api.AllFeatures(),
		IssuedAt: time.Now().UTC().Truncate(time.Second),
	})
}

// meet dials the runner with this grant and checks its proof. ctx bounds all of it. The connection it returns
// has no deadline.
func (c *Controller) meet(ctx context.Context, v api.Container, g api.Grant) (*upgrade.Conn, *runnerFailure) {
	plain, err := c.cfg.Dialer.DialRunner(ctx, v)
	if err != nil {
		return nil, &runnerFailure{dialReason(err), err}
	}
	conn, exported, failure := c.secure(ctx, plain)
	if failure != nil {
		plain.Close()
		return nil, failure
	}
	key := c.cfg.SystemToken.ContainerKey(string(v.ID)).AddressKey(v.RunnerAddress)
	request, err := sshRequest(v, g, key, exported)
	if err != nil {
		conn.Close()
		return nil, &runnerFailure{"could not be asked", err}
	}
	upgraded, header, err := upgrade.Do(ctx, conn, request, api.ProtocolSSH)
	if err != nil {
		return nil, &runnerFailure{answerReason(err), err}
	}
	if err := checkResponse(header, key.Response(exported)); err != nil {
		upgraded.Close()
		return nil, &runnerFailure{"did not prove that it is the runner of this container", err}
	}
	return upgraded, nil
}

// secure speaks TLS on the connection and exports what binds the proofs to it.
func (c *Controller) secure(ctx context.Context, plain net.Conn) (*tls.Conn, proof.Exporter, *runnerFailure) {
	if err := upgrade.KeepAlive(plain, c.cfg.Probes); err != nil {
		return nil, proof.Exporter{}, &runnerFailure{"could not be reached", fmt.Errorf("setting keepalive: %v", err)}
	}
	conn := tls.Client(upgrade.NewBatch(plain), &tls.Config{
		MinVersion: tls.VersionTLS13, // below it an exporter is not bound to one session
		NextProtos: []string{"http/1.1"},
		// The certificate is made by the runner at its start and says nothing. What authenticates the two
		// ends are the proofs, which are bound to this TLS session: whoever sits in the middle has two
		// sessions, two exporters, and no key to make either proof with.
		InsecureSkipVerify: true,
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, proof.Exporter{}, &runnerFailure{"did not complete the TLS handshake", err}
	}
	exported, err := proof.Export(conn.ConnectionState(), proof.ExporterLabel)
	if err != nil {
		return nil, exported, &runnerFailure{"speaks a TLS that binds no proof", err}
	}
	return conn, exported, nil
}

func sshRequest(v api.Container, g api.Grant, key proof.AddressKey, e proof.Exporter) (*http.Request, error) {
	grant, err := g.Encode()
	if err != nil {
		return nil, err
	}
	return &http.Request{
		Method: http.MethodPost,
		URL:    &url.URL{Scheme: "https", Host: v.RunnerAddress, Path: api.RunnerSSHPath},
		Host:   v.RunnerAddress,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"User-Agent":    {"switchyard"},
			api.HeaderGrant: {grant},
			api.HeaderProof: {key.Request(e, grant).String()},
		},
	}, nil
}

func checkResponse(h http.Header, want proof.Proof) error {
	got := h.Values(api.HeaderProof)
	if len(got) != 1 {
		return fmt.Errorf("the answer has %d %s headers, need one", len(got), api.HeaderProof)
	}
	return want.Check(got[0])
}

// dialReason is what a user may know of why a dial failed: no address of the inside.
func dialReason(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused the connection"
	case isTimeout(err):
		return "did not answer in time"
	case errors.As(err, &dns):
		return "has an address that cannot be resolved"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "is not reachable from the controller"
	}
	return "could not be reached"
}

// answerReason is what a user may know of why a runner's answer would not do.
func answerReason(err error) string {
	var answer *upgrade.ResponseError
	switch {
	case errors.As(err, &answer) && answer.Reason == "":
		return fmt.Sprintf("answered %d instead of 101", answer.Status)
	case errors.As(err, &answer):
		return "gave a wrong answer: " + answer.Reason
	case isTimeout(err):
		return "did not answer in time"
	}
	return "gave no proper answer"
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// notReached turns a failure to reach the runner into the client's answer, and logs the cause.
func (c *Controller) notReached(x *call, s *session, v api.Container, f *runnerFailure) error {
	log := x.log.WithField("node", clip(v.Node, 300)).WithField("runner", v.RunnerAddress).WithField("cause", f.cause.Error())
	switch {
	case x.r.Context().Err() != nil:
		log.Info("the client went away while its session was opened")
		x.w.status = statusClientGone
		return errors.New("the client went away")
	case s.ctx.Err() != nil: // the controller's own doing
		reason := context.Cause(s.ctx)
		log.WithField("reason", reason.Error()).Info("session closed while it was opened")
		return closedWhileOpening(reason)
	}
	log.Warnf("the runner %s", f.what)
	p := api.NewProblem(http.StatusBadGateway, api.CodeRunner, "The container's runner was not reached",
		"the runner of container %q on node %q %s: the logs of the controller and of the runner say more", qualified(v), v.Node, f.what)
	p.Node = v.Node
	return p
}

// statusClientGone is what the log shows for a request whose client did not wait for the answer. It is
// never sent; the number is the one that proxies use for it.
const statusClientGone = 499
