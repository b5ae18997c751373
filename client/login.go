// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/x509"
	"errors"

	"switchyard/api"
)

// Identity is what a client learns when it meets a controller for the first time.
type Identity struct {
	CA     []byte // PEM to verify the controller with from now on; empty: the system's authorities do
	HostCA string // the line of the SSH host authority
	Whoami api.Whoami
}

// Identify decides how the controller's certificate is verified, and only then sends the token. cfg.CA
// decides when it is given; else the system's authorities, when they know the certificate; else the
// authority that the controller proves to be that of the token's issuer (see Pin).
func Identify(ctx context.Context, cfg Config) (Identity, error) {
	var id Identity
	ca, err := establishTrust(ctx, cfg)
	if err != nil {
		return id, err
	}
	cfg.CA, id.CA = ca, ca
	c, err := New(cfg)
	if err != nil {
		return id, err
	}
	defer c.Close()
	if id.Whoami, err = c.Whoami(ctx); err != nil {
		return id, err
	}
	a, err := c.Authorities(ctx)
	id.HostCA = a.Host
	return id, err
}

func establishTrust(ctx context.Context, cfg Config) ([]byte, error) {
	if len(cfg.CA) > 0 || !cfg.Endpoint.Encrypted() {
		return cfg.CA, nil
	}
	var unknown x509.UnknownAuthorityError
	err := handshake(ctx, cfg)
	if err == nil || !errors.As(err, &unknown) {
		return nil, err
	}
	a, err := Pin(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return []byte(a.TLS), nil
}

// handshake connects as cfg says and says nothing.
func handshake(ctx context.Context, cfg Config) error {
	c, err := New(cfg)
	if err != nil {
		return err
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}
