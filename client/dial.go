// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"

	"switchyard/upgrade"
)

// dial connects to the controller, through a proxy where there is one, with TLS where it is spoken,
// and makes sure that a peer that goes without a word is found out. The error is a *ReachError.
func (c *Controller) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := c.dialPlain(ctx)
	if err == nil && c.tls != nil {
		conn, err = startTLS(ctx, conn, c.tls)
	}
	if err != nil {
		return nil, c.reachError(err)
	}
	if err := upgrade.KeepAlive(conn, upgrade.Probes{}); err != nil {
		conn.Close()
		return nil, c.reachError(err)
	}
	return conn, nil
}

func (c *Controller) dialPlain(ctx context.Context) (net.Conn, error) {
	e := c.cfg.Endpoint
	if e.scheme == "unix" {
		return new(net.Dialer).DialContext(ctx, "unix", e.path)
	}
	proxy, err := c.proxy()
	if err != nil {
		return nil, err
	}
	if proxy != nil {
		return dialThrough(ctx, proxy, e.address())
	}
	return new(net.Dialer).DialContext(ctx, "tcp", e.address())
}

func (c *Controller) proxy() (*url.URL, error) {
	u, err := url.Parse(c.cfg.Endpoint.base())
	if err != nil {
		return nil, err
	}
	proxy, err := c.cfg.Proxy(u)
	if err != nil {
		// The parser's error quotes its input, password included.
		return nil, &proxyError{reason: "the proxy in HTTPS_PROXY is not a URL: write http://host:port"}
	}
	return proxy, nil
}

// startTLS performs the handshake on conn, and closes conn when it fails.
func startTLS(ctx context.Context, conn net.Conn, cfg *tls.Config) (*tls.Conn, error) {
	t := tls.Client(upgrade.NewBatch(conn), cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("starting TLS: %w", err)
	}
	return t, nil
}
