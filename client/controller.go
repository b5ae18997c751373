// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// Config says which controller is meant and how to reach it.
type Config struct {
	Endpoint Endpoint // required
	Token    Token    // empty: calls go out without one
	CA       []byte   // PEM of the authorities to believe; empty: the system's
	Version  string   // the program's, for the controller's log; empty: "devel"

	// Proxy answers which proxy leads to a URL, nil for none. Nil: what HTTPS_PROXY and NO_PROXY
	// say, or their lower-case forms; loopback and sockets are never reached through a proxy.
	Proxy func(*url.URL) (*url.URL, error)
}

// Controller is a controller as its client sees it. All methods may be called concurrently. The
// contexts given to them bound the whole call; without a deadline of theirs, a call that opens no
// session ends after 30 seconds. The errors are *Refusal for what the controller answered,
// *ReachError when it was not reached.
type Controller struct {
	cfg  Config
	tls  *tls.Config // nil when the endpoint is not encrypted
	http *http.Client
}

const (
	callTimeout = 30 * time.Second
	dialTimeout = 15 * time.Second
)

// New checks cfg and returns the controller. It opens no connection.
func New(cfg Config) (*Controller, error) {
	if cfg.Endpoint.IsZero() {
		return nil, errors.New("no controller is named: run \"switchyard login\", or set SWITCHYARD_URL")
	}
	if cfg.Version == "" {
		cfg.Version = "devel"
	}
	if cfg.Proxy == nil {
		cfg.Proxy = httpproxy.FromEnvironment().ProxyFunc()
	}
	c := &Controller{cfg: cfg}
	if err := c.trust(); err != nil {
		return nil, err
	}
	c.http = &http.Client{Transport: c.transport(), CheckRedirect: c.refuseRedirect}
	return c, nil
}

// Close closes the idle connections of earlier calls. Connections made by Dial are their caller's.
func (c *Controller) Close() { c.http.CloseIdleConnections() }

// Endpoint returns where the controller is.
func (c *Controller) Endpoint() Endpoint { return c.cfg.Endpoint }

func (c *Controller) trust() error {
	if !c.cfg.Endpoint.Encrypted() {
		return nil
	}
	c.tls = tlsConfig(c.cfg.Endpoint.Host())
	if len(c.cfg.CA) == 0 {
		return nil
	}
	c.tls.RootCAs = x509.NewCertPool()
	if !c.tls.RootCAs.AppendCertsFromPEM(c.cfg.CA) {
		return errors.New("the certificate authority is not a PEM certificate: give the file that the controller keeps, or log in again")
	}
	return nil
}

func tlsConfig(host string) *tls.Config {
	return &tls.Config{
		ServerName: host,
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"}, // HTTP/2 has no Upgrade (RFC 9113 section 8.6)
		// Small first records help a browser to render early and cost an upload a tenth.
		DynamicRecordSizingDisabled: true,
	}
}

// transport speaks HTTP/1.1 alone: a command makes one to three calls, one after the other, for which
// HTTP/2 has nothing to offer.
func (c *Controller) transport() *http.Transport {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) }
	return &http.Transport{
		DialContext: dial, DialTLSContext: dial,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        callTimeout,
	}
}

// refuseRedirect keeps the token from going where the user did not send it.
func (c *Controller) refuseRedirect(r *http.Request, _ []*http.Request) error {
	return c.strange(fmt.Sprintf("a redirection to %q, which is not followed", r.URL.Redacted()))
}
