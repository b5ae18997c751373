// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/sirupsen/logrus"
	gossh "golang.org/x/crypto/ssh"

	"switchyard/api"
)

// Config is what a Server needs to know.
type Config struct {
	// Target is where sessions run and forwards land. Required.
	Target Target
	// TargetName is how messages to the person name it, such as `container "web"`. Empty: "the target".
	TargetName string

	// Signer returns the host key to present now. When its public key is a certificate, both the
	// certificate and the plain key are offered. It is called once for each connection, possibly
	// by several at once. Required.
	Signer func() gossh.Signer

	// Version is the software version of the identification string, behind "SSH-2.0-" (RFC 4253 section
	// 4.2), with or without a comment behind a space. Empty: "OpenSSH_compatible Switchyard", since
	// OpenSSH's client speaks the extensions of OpenSSH's PROTOCOL file only towards a version that begins
	// with "OpenSSH". To any other it sends no eow@openssh.com, and "ssh web yes | head -1" does not end.
	Version string

	// Log gets the causes of what goes wrong. Nil: nowhere.
	Log logrus.FieldLogger

	// Subsystems are the subsystems by name (RFC 4254 section 6.5). A name that is not here is
	// refused. The process is served as that of a command is.
	Subsystems map[string]StartFunc

	// Forwards says what forwards may do.
	Forwards ForwardPolicy

	HandshakeTimeout time.Duration // from the first byte to the end of authentication; 0: 30 s
	DialTimeout      time.Duration // of one dial into the target, or listening in it once; 0: 30 s
	// AnswerTimeout is how long a connection from inside waits for the client to take the channel that is
	// opened for it. 0: 150 s, what OpenSSH's client may take to connect to where a forward leads.
	AnswerTimeout time.Duration
	// EndTimeout is how long sessions have to end when the server ends the connection, before it is
	// cut. It should exceed the grace that the target's processes get. 0: 10 s.
	EndTimeout time.Duration

	MaxSessions    int // open session channels of one connection; 0: 64
	MaxChannels    int // open or opening channels of one connection, sessions included; 0: 4096
	MaxListeners   int // places to listen that one connection asked for; 0: 256
	MaxEnvVars     int // env requests kept for one session; 0: 128, as OpenSSH's server
	MaxEnvVarBytes int // bytes of those names and values together; 0: 1 MiB
	// MaxUnread is how many bytes a client may have sent on one connection's channels that nobody in the
	// target has taken yet. What a channel may hold of it is the less the more channels there are. 0: 128 MiB.
	MaxUnread int
}

// StartFunc starts a process, on the terms of Target.Start.
type StartFunc func(ctx context.Context, c Command) (Process, error)

// Server serves SSH connections on a target. Its methods may be called concurrently.
type Server struct {
	cfg Config
}

// New returns a server. It fails when the config lacks what it requires.
func New(cfg Config) (*Server, error) {
	if cfg.Target == nil {
		return nil, errors.New("making an SSH server: the config has no target")
	}
	if cfg.Signer == nil {
		return nil, errors.New("making an SSH server: the config has no host key signer")
	}
	if err := cfg.Forwards.Check(); err != nil {
		return nil, fmt.Errorf("making an SSH server: %w", err)
	}
	cfg.setDefaults()
	return &Server{cfg: cfg}, nil
}

// setDefaults replaces zero values by what their fields document.
func (c *Config) setDefaults() {
	setDefault(&c.TargetName, "the target")
	setDefault(&c.Version, "OpenSSH_compatible Switchyard")
	setDefault(&c.HandshakeTimeout, 30*time.Second)
	setDefault(&c.DialTimeout, 30*time.Second)
	setDefault(&c.EndTimeout, 10*time.Second)
	setDefault(&c.MaxSessions, 64)
	setDefault(&c.AnswerTimeout, answerTimeout)
	setDefault(&c.MaxChannels, 4096)
	setDefault(&c.MaxListeners, 256)
	setDefault(&c.MaxUnread, 128<<20)
	setDefault(&c.MaxEnvVars, 128)
	setDefault(&c.MaxEnvVarBytes, 1<<20)
	if c.Log == nil {
		quiet := logrus.New()
		quiet.SetOutput(io.Discard)
		c.Log = quiet
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Serve serves one connection, whose peer the caller has authenticated and granted what grant says.
// It closes conn and returns when the connection has ended and no process or goroutine of it is left.
//
// When ctx ends, the text of its cause is shown as one line to every session, the sessions get
// Config.EndTimeout to end, and the connection is closed. Any end of conn ends the sessions.
//
// The error is nil when the client ended the connection after authentication; otherwise it says what
// ended it: the handshake's failure, a broken transport, or ctx's cause.
func (s *Server) Serve(ctx context.Context, conn net.Conn, grant api.Grant) error {
	c := newConnection(&s.cfg, conn, grant)
	stop := context.AfterFunc(ctx, func() { c.end(context.Cause(ctx)) })
	err := c.serve()
	if !stop() {
		<-c.ended
		return context.Cause(ctx)
	}
	return err
}
