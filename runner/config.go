// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"

	"switchyard/api"
	"switchyard/proof"
	"switchyard/runner/sessions"
	"switchyard/sshd"
	"switchyard/upgrade"
)

// Controller is what a runner asks of the controller. The errors that the controller itself
// gave are *api.Problem. ctx bounds each call.
type Controller interface {
	// Report tells the controller of this runner; the answer holds the host certificate.
	Report(context.Context, api.ReportRunner) (api.RunnerReported, error)
	// End tells it that the container has ended.
	End(context.Context, api.EndContainer) error
}

// Config says what a Runner serves and where.
type Config struct {
	// Target is where sessions run. Required.
	Target sshd.Target
	// ContainerID is the id of the container record. Required.
	ContainerID api.ContainerID
	// Key is the container's key. Required.
	Key proof.ContainerKey
	// Controller is where the runner registers. Required.
	Controller Controller

	// Listen is the TCP address to listen on, "host:port". Empty: "127.0.0.1:0".
	Listen string
	// Advertise is the address that the controller dials, "host" or "host:port". Empty: the one listened
	// on; without a port, or with port 0, the port listened on.
	Advertise string

	Node     string // the machine's name. Required.
	DockerID string // the engine's id of the container, if it has one
	Exec     string // how processes are started: "docker", "runc", "host"
	// ExecReason says why they are started by docker exec, for the container's record. What is not printable, and
	// what is beyond api.MaxExecReason bytes, is not reported.
	ExecReason string

	// Follow waits for the container's end and returns its exit code, nil when that is not known. An
	// error says that it could not be followed any longer, which ends the runner. Nil: there is nothing to follow.
	Follow func(ctx context.Context) (exitCode *int, err error)
	// Subsystems are offered by the SSH server.
	Subsystems map[string]sshd.StartFunc
	// Forwards says what forwards may do.
	Forwards sshd.ForwardPolicy

	// Metrics are served at MetricsAddress. Nil: new ones are made.
	Metrics *Metrics
	// MetricsAddress is "host:port" or "unix:///path", apart from the port that the controller uses; whoever reaches
	// it may read what is served there, and needs no token. Empty: nowhere.
	MetricsAddress string
	// Sessions counts the target's sessions and their processes. Nil: they are not counted.
	Sessions func() sessions.Counts

	// Log gets what happens. Nil: nowhere.
	Log logrus.FieldLogger

	// Grace is what the target gives a session's processes between SIGHUP and SIGKILL. A connection that
	// the runner ends has some seconds more than that. 0: 5 s.
	Grace time.Duration
	// Probes find a controller that has gone without a word.
	Probes upgrade.Probes
	// HandshakeTimeout is how long a connection may take to show its proof. 0: 10 s.
	HandshakeTimeout time.Duration
	// MaxWaiting is how many connections may be about to show their proof at once. 0: 64.
	MaxWaiting int
	// Heartbeat is about how often the runner reports while its certificate needs no renewal. 0: 30 s.
	Heartbeat time.Duration
}

func (c *Config) check() error {
	switch {
	case c.Target == nil:
		return errors.New("a runner needs a target")
	case c.ContainerID == "":
		return errors.New("a runner needs the id of its container")
	case c.Key == proof.ContainerKey{}:
		return errors.New("a runner needs the key of its container")
	case c.Controller == nil:
		return errors.New("a runner needs a controller")
	case c.Node == "":
		return errors.New("a runner needs the name of its node")
	}
	return nil
}

// setDefaults replaces zero values by what their fields document.
func (c *Config) setDefaults() {
	setDefault(&c.Listen, "127.0.0.1:0")
	setDefault(&c.Grace, 5*time.Second)
	setDefault(&c.HandshakeTimeout, 10*time.Second)
	setDefault(&c.MaxWaiting, 64)
	setDefault(&c.Heartbeat, 30*time.Second)
	if c.Metrics == nil {
		c.Metrics = NewMetrics()
	}
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

// endTimeout is how long a connection has to end when the runner ends it.
func (c *Config) endTimeout() time.Duration { return max(c.Grace, 0) + 5*time.Second }

// closeTimeout is how long all connections have: what a session's leader left behind when it exited may
// be given the grace twice.
func (c *Config) closeTimeout() time.Duration { return c.endTimeout() + max(c.Grace, 0) + killTime }

// advertised is the address to report for a listener.
func (c *Config) advertised(l net.Addr) (string, error) {
	if c.Advertise == "" {
		return l.String(), nil
	}
	_, listening, err := net.SplitHostPort(l.String())
	if err != nil {
		return "", fmt.Errorf("finding the port listened on: %v", err)
	}
	host, port, err := net.SplitHostPort(c.Advertise)
	if err != nil {
		return net.JoinHostPort(c.Advertise, listening), nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("the address to advertise %q has no port from 0 to 65535", c.Advertise)
	} else if n == 0 {
		port = listening
	}
	return net.JoinHostPort(host, port), nil
}
