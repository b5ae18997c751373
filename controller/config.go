// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"switchyard/api"
	"switchyard/controller/ca"
	"switchyard/proof"
	"switchyard/upgrade"
)

// Config is what a controller is made of. Fields without a default are required.
type Config struct {
	Store       Store
	SystemToken proof.SystemToken
	Host        *ca.Host // signs the host keys of runners

	// GetCertificate serves the TLS listeners; nil: there are none.
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Authority is the PEM of the X.509 authority behind GetCertificate, for clients to pin. Empty: it is
	// not the installation's own.
	Authority []byte

	Dialer RunnerDialer       // how runners are reached; nil: by TCP at their address
	Log    logrus.FieldLogger // nil: nothing is logged

	// Name tells this controller's sessions from those of others on the same database. "": "controller".
	Name    string
	Version string // for metrics; "": "unknown"

	ShellAccess api.ShellAccess // sets the switch at start; "": it stays, opt-out when it was never set

	MaxSessions        int            // at once; 0: no limit
	MaxSessionsPerUser int            // at once; 0: no limit
	HandshakeTimeout   time.Duration  // for reaching a runner until its proof has been checked; 0: 15 s
	Probes             upgrade.Probes // what finds dead peers of sessions
}

func (cfg Config) withDefaults() Config {
	if cfg.Dialer == nil {
		cfg.Dialer = TCPDialer{}
	}
	if cfg.Log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		cfg.Log = silent
	}
	if cfg.Name == "" {
		cfg.Name = "controller"
	}
	if cfg.Version == "" {
		cfg.Version = "unknown"
	}
	if cfg.HandshakeTimeout <= 0 {
		cfg.HandshakeTimeout = 15 * time.Second
	}
	return cfg
}

func (cfg Config) check() error {
	switch {
	case cfg.Store == nil:
		return errors.New("a controller needs a store")
	case cfg.SystemToken == proof.SystemToken{}:
		return errors.New("a controller needs a system token")
	case cfg.Host == nil:
		return errors.New("a controller needs an SSH host authority")
	}
	return CheckShellAccess(cfg.ShellAccess)
}

// CheckShellAccess refuses what is neither a value of the switch nor "", which leaves it as it is.
func CheckShellAccess(v api.ShellAccess) error {
	if v != "" && !slices.Contains(api.ShellAccessValues, v) {
		return fmt.Errorf("shell access %.40q is none of %q", v, api.ShellAccessValues)
	}
	return nil
}

// Controller answers the API. Its methods may be called concurrently.
type Controller struct {
	cfg       Config
	store     Store
	log       logrus.FieldLogger
	registry  *registry
	metrics   *metrics
	server    *http.Server
	authority []byte // what proof.Authority covers
}

// New makes a controller, ends the sessions that it left open when it died, and sets the shell access
// switch if told to. It listens only in Serve. ctx bounds the making.
func New(ctx context.Context, cfg Config) (*Controller, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	c := &Controller{cfg: cfg, store: cfg.Store, log: cfg.Log}
	c.registry = newRegistry(cfg.MaxSessions, cfg.MaxSessionsPerUser)
	c.metrics = newMetrics(c.registry, cfg.Version)
	c.server = c.newServer()
	if block, _ := pem.Decode(cfg.Authority); block != nil {
		c.authority = block.Bytes
	}
	c.authority = append(c.authority[:len(c.authority):len(c.authority)], cfg.Host.Line()...)
	return c, c.takeUp(ctx)
}

// takeUp brings the records to where a start begins.
func (c *Controller) takeUp(ctx context.Context) error {
	n, err := c.store.EndSessionsOf(ctx, c.cfg.Name, time.Now())
	if err != nil {
		return fmt.Errorf("ending the sessions of an earlier run: %v", err)
	}
	if n > 0 {
		c.log.WithField("sessions", n).Warn("ended sessions that an earlier run left open")
	}
	if c.cfg.ShellAccess == "" {
		return nil
	}
	if err := c.setShellAccess(ctx, c.cfg.ShellAccess); err != nil {
		return fmt.Errorf("setting shell access: %v", err)
	}
	return nil
}
