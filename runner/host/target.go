// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"

	"switchyard/runner/child"
	"switchyard/runner/helper"
	"switchyard/runner/sessions"
	"switchyard/sshd"
)

// Config is what a Target may be told. The zero value works.
type Config struct {
	// Name is the target's name in messages to the person. Empty: "this machine".
	Name string
	// Grace is how long a session's processes have between SIGHUP and SIGKILL. 0: 5 s; negative: none.
	Grace time.Duration
	// OnEnd is what becomes of a session's processes when it ends. Empty: sessions.HangUp.
	OnEnd sessions.Policy
	// Observe is told of each start of a process. Nil: nobody.
	Observe func(sessions.Start)
	// Log gets what goes wrong when nobody is there to be told. Nil: nowhere.
	Log logrus.FieldLogger
	// Helper is the program that serves sftp and unix-domain sockets. It stays the caller's. Nil: neither is served.
	Helper *helper.Program
}

// Target is an sshd.Target for the machine itself.
type Target struct {
	cfg      Config
	dialer   net.Dialer
	sessions *sessions.Keeper
}

var (
	_ sshd.Target         = (*Target)(nil)
	_ sshd.FilteredDialer = (*Target)(nil)
)

// New returns a target. From then on, this process catches and drops the signals that it was started to
// ignore, as by nohup, and the descriptors it was started with are closed in children: see child.StartClean.
func New(cfg Config) *Target {
	if cfg.Name == "" {
		cfg.Name = "this machine"
	}
	if cfg.Grace == 0 {
		cfg.Grace = 5 * time.Second
	}
	if cfg.Log == nil {
		quiet := logrus.New()
		quiet.SetOutput(io.Discard)
		cfg.Log = quiet
	}
	child.StartClean()
	return &Target{cfg: cfg, sessions: sessions.Open(sessions.Config{
		OnEnd: cfg.OnEnd, Grace: cfg.Grace, Log: cfg.Log, Observe: cfg.Observe,
	})}
}

// Sessions counts the sessions and their processes.
func (t *Target) Sessions() sessions.Counts { return t.sessions.Counts() }

// Dial connects to a TCP port with the machine's own routes and resolver. The connection is a
// *net.TCPConn.
func (t *Target) Dial(ctx context.Context, host string, port uint16) (net.Conn, error) {
	return t.dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
}
