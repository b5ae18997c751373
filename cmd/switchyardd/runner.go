// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"switchyard/api"
	"switchyard/runner"
	"switchyard/runner/docker"
	"switchyard/runner/helper"
	"switchyard/runner/host"
	"switchyard/runner/sessions"
	"switchyard/sshd"
	"switchyard/upgrade"
)

// runnerOptions are the flags of "switchyardd runner".
type runnerOptions struct {
	controller, ca     string
	container, keyFile string
	target, docker     string
	exec, helper       string
	listen, advertise  string
	node               string
	grace, keepalive   time.Duration
	heartbeat          time.Duration
	onDisconnect       string
	metrics            string
	forwards           sshd.ForwardPolicy
	logLevel, logForm  string
}

// runnerCommand is "switchyardd runner".
func runnerCommand() *cobra.Command {
	o := &runnerOptions{}
	cmd := &cobra.Command{
		Use:   "runner --controller URL --container ID {--docker CID | --target host}",
		Short: "Run the endpoint for one container",
		Long: "Run the endpoint for one container: it registers with the controller, and serves SSH to whom the controller lets through.\n\n" +
			"The container key comes from --key-file, or else from the environment, " + runner.KeyVariable + ".\n" +
			"It ends when the container does, or with SIGTERM; sessions are told why, and their processes are ended.\n\n" +
			"Exit codes: 0 after the container's end or a signal, 1 when it could not start or go on, 2 when the command line makes no sense.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := controllerLog(o.logLevel, o.logForm)
			if err != nil {
				return usage(err)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends the process at once
			return o.run(ctx, log)
		},
	}
	o.flags(cmd)
	return cmd
}

func (o *runnerOptions) flags(cmd *cobra.Command) {
	node, _ := os.Hostname()
	f := cmd.Flags()
	f.StringVar(&o.controller, "controller", os.Getenv("SWITCHYARD_URL"), "the controller, https://host:port or unix:///path (or SWITCHYARD_URL)")
	f.StringVar(&o.ca, "ca", os.Getenv("SWITCHYARD_CA"), "file of the authority that signed the controller's certificate, PEM (or SWITCHYARD_CA; default: the system's)")
	f.StringVar(&o.container, "container", "", "id of the container record (required)")
	f.StringVar(&o.keyFile, "key-file", "", "file that holds the container key, \"-\" for standard input")
	f.StringVar(&o.target, "target", "docker", "what to serve: \"docker\", a container, or \"host\", this machine itself")
	f.StringVar(&o.docker, "docker", "", "Docker's id or name of the container; the engine is DOCKER_HOST's")
	f.StringVar(&o.exec, "exec", "auto", "how processes of a Docker container are started: \"runc\", by Docker's own runtime, \"docker\", by docker exec, or \"auto\", runc where it works")
	f.StringVar(&o.helper, "helper", "", "static program that serves sftp and unix sockets inside containers (default: this program itself)")
	f.StringVar(&o.listen, "listen", "", "address to listen on (default: this machine's on the route to the controller, any port)")
	f.StringVar(&o.advertise, "advertise", "", "address that the controller dials, \"host\" or \"host:port\" (default: the one listened on)")
	f.StringVar(&o.node, "node", node, "this machine's name")
	f.StringVar((*string)(&o.forwards.PermitOpen), "permit-open", "any", "where forwards into the target may lead: \"any\", \"loopback\", its loopback addresses and sockets, or \"none\"")
	f.StringVar((*string)(&o.forwards.GatewayPorts), "gateway-ports", "no", "where remote forwards listen in the target: \"no\", on its loopback, \"yes\", on all addresses, or \"clientspecified\"")
	f.StringVar((*string)(&o.forwards.Unlink), "streamlocal-unlink", "stale", "which sockets in the way of a remote forward's are removed: \"stale\", those that nobody listens on, \"yes\", all, or \"no\"")
	f.DurationVar(&o.grace, "grace", 5*time.Second, "how long a session's processes have between SIGHUP and SIGKILL")
	f.StringVar(&o.onDisconnect, "on-disconnect", "hup", "what becomes of a session's processes when it ends: \"hup\", hang up and end what was not detached, \"kill\", end that too, or \"keep\", end none")
	f.StringVar(&o.metrics, "metrics", "", "address to serve metrics and health at, \"host:port\" or \"unix:///path\" (default: nowhere)")
	f.DurationVar(&o.keepalive, "keepalive", 0, "silence before the controller is probed, and between probes (default 15s)")
	f.DurationVar(&o.heartbeat, "heartbeat", 30*time.Second, "how often to report to the controller")
	f.StringVar(&o.logLevel, "log-level", "info", "trace, debug, info, warning or error")
	f.StringVar(&o.logForm, "log-format", "text", "text or json")
	cobra.CheckErr(cmd.MarkFlagRequired("container"))
}

// run assembles the runner and runs it.
func (o *runnerOptions) run(ctx context.Context, log logrus.FieldLogger) error {
	// Neither a core dump nor another process of this user may read the key out of our memory, prctl(2).
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("protecting the container key: %w", err)
	}
	c, controller, err := o.config(log)
	if err != nil {
		return err
	}
	defer controller.Close()
	closeTarget, err := o.setTarget(ctx, &c)
	if err != nil {
		return err
	}
	defer closeTarget()
	r, err := runner.New(c)
	if err != nil {
		return err
	}
	return r.Run(ctx)
}

// config is the runner's, but for the target.
func (o *runnerOptions) config(log logrus.FieldLogger) (runner.Config, *runner.API, error) {
	u, err := runner.ParseURL(o.controller)
	if err != nil {
		return runner.Config{}, nil, usage(err)
	}
	if err := o.check(); err != nil {
		return runner.Config{}, nil, usage(err)
	}
	key, err := runner.ReadKey(o.keyFile, os.Stdin)
	if err != nil {
		return runner.Config{}, nil, err
	}
	listen, advertise, err := runner.Addresses(u, o.listen, o.advertise)
	if err != nil {
		return runner.Config{}, nil, err
	}
	id := api.ContainerID(o.container)
	controller, err := runner.NewAPI(runner.APIConfig{URL: o.controller, CAFile: o.ca, ContainerID: id, Key: key})
	if err != nil {
		return runner.Config{}, nil, err
	}
	return runner.Config{
		ContainerID: id, Key: key, Controller: controller,
		Listen: listen, Advertise: advertise, Node: o.node, Log: log,
		Grace: o.grace, Heartbeat: o.heartbeat, Forwards: o.forwards,
		Metrics: runner.NewMetrics(), MetricsAddress: o.metrics,
		Probes: upgrade.Probes{Idle: o.keepalive, Interval: o.keepalive},
	}, controller, nil
}

// check tells what makes no sense in what is to be served, and where.
func (o *runnerOptions) check() error {
	if _, _, err := net.SplitHostPort(o.listen); o.listen != "" && err != nil {
		return fmt.Errorf("the address to listen on %q is not \"host:port\"", o.listen)
	}
	if err := o.forwards.Check(); err != nil {
		return err
	}
	if _, err := sessions.ParsePolicy(o.onDisconnect); err != nil {
		return fmt.Errorf("--on-disconnect: %w", err)
	}
	if o.metrics != "" {
		if err := runner.CheckMetricsAddress(o.metrics); err != nil {
			return err
		}
	}
	switch {
	case o.target == "host" && o.docker != "":
		return fmt.Errorf("--docker %q and --target host exclude each other: one runner serves one of them", o.docker)
	case o.target != "docker" && o.target != "host":
		return fmt.Errorf("--target %q is neither docker nor host", o.target)
	case o.target == "docker" && o.docker == "":
		return errors.New("no container is named: give its Docker id with --docker, or --target host for this machine itself")
	}
	return nil
}

// setTarget makes the target and what the runner says of it.
func (o *runnerOptions) setTarget(ctx context.Context, c *runner.Config) (closeTarget func(), err error) {
	program := helper.New(o.helper)
	if err := program.Check(); err != nil {
		if o.helper != "" {
			return nil, err
		}
		c.Log.WithError(err).Warn("sftp is only what the image has, and there are no unix sockets")
	}
	if o.target == "host" {
		t := host.New(host.Config{
			Name: o.node, Grace: o.grace, Log: c.Log, Helper: program,
			OnEnd: sessions.Policy(o.onDisconnect), Observe: c.Metrics.Started,
		})
		c.Target, c.Exec, c.Subsystems, c.Sessions = t, "host", map[string]sshd.StartFunc{"sftp": t.SFTP}, t.Sessions
		return func() { program.Close() }, nil
	}
	closeDocker, err := o.setDocker(ctx, c, program)
	if err != nil {
		return nil, err
	}
	return func() { closeDocker(); program.Close() }, nil
}

func (o *runnerOptions) setDocker(ctx context.Context, c *runner.Config, program *helper.Program) (closeTarget func(), err error) {
	engine, err := client.New(client.FromEnv, client.WithUserAgent("switchyardd"))
	if err != nil {
		return nil, fmt.Errorf("the Docker engine: %w", err)
	}
	t, err := docker.New(ctx, docker.Config{
		Client: engine, ContainerID: o.docker, Exec: docker.Exec(o.exec), Log: c.Log, Grace: o.grace, Helper: program,
		OnEnd: sessions.Policy(o.onDisconnect), Observe: c.Metrics.Started,
	})
	if err != nil {
		engine.Close()
		return nil, err
	}
	c.Target, c.Exec, c.ExecReason, c.DockerID = t, string(t.Exec()), t.ExecReason(), t.Info().ID
	c.Subsystems = map[string]sshd.StartFunc{"sftp": t.SFTP}
	c.Sessions = t.Sessions
	c.Follow = func(ctx context.Context) (*int, error) { return follow(ctx, t, c.Log) }
	return func() { t.Close(); engine.Close() }, nil
}

// follow waits for a container's end. One whose exit code is not known has ended all the same.
func follow(ctx context.Context, t *docker.Target, log logrus.FieldLogger) (*int, error) {
	code, err := t.Follow(ctx)
	switch {
	case err == nil:
		return &code, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	log.WithError(err).Warn("the container's exit code is not known")
	return nil, nil
}
