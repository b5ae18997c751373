// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/sirupsen/logrus"

	"switchyard/runner/helper"
	"switchyard/runner/netns"
	"switchyard/runner/proc"
	"switchyard/runner/resolve"
	"switchyard/runner/sessions"
	"switchyard/sshd"
)

// defaultGrace is how long a session's processes have after SIGHUP.
const defaultGrace = 5 * time.Second

// Engine is what this package uses of a Docker client; *client.Client is one.
type Engine interface {
	ContainerInspect(context.Context, string, client.ContainerInspectOptions) (client.ContainerInspectResult, error)
	ExecCreate(context.Context, string, client.ExecCreateOptions) (client.ExecCreateResult, error)
	ExecAttach(context.Context, string, client.ExecAttachOptions) (client.ExecAttachResult, error)
	ExecStart(context.Context, string, client.ExecStartOptions) (client.ExecStartResult, error)
	ExecInspect(context.Context, string, client.ExecInspectOptions) (client.ExecInspectResult, error)
}

// Config says which container becomes a target.
type Config struct {
	// Client reaches the engine, API 1.41 or later. Required; New does not
	// take it over, and Close does not close it.
	Client Engine
	// ContainerID is the container's id, the beginning of it, or its Docker
	// name. Required.
	ContainerID string
	// Name is what people call the container, for messages. Empty means its
	// Docker name.
	Name string
	// Log gets what goes wrong behind a user's back. Nil means nobody.
	Log logrus.FieldLogger
	// Exec is how processes are started. Empty means ExecAuto.
	Exec Exec
	// Grace is the time between SIGHUP and SIGKILL when a session ends. Zero
	// means five seconds.
	Grace time.Duration
	// OnEnd is what becomes of a session's processes when it ends. Empty means
	// sessions.HangUp.
	OnEnd sessions.Policy
	// Observe is told of each start of a process. Nil means nobody.
	Observe func(sessions.Start)
	// Helper is the program that serves sftp and unix-domain sockets inside. It stays the caller's. Nil means
	// that there is none, so both are only what the image has.
	Helper *helper.Program
}

// Info is what a registration says of the container.
type Info struct {
	ID    string // the full Docker id
	Name  string // the Docker name, without the leading slash
	Image string // as the container was created from it
}

// Target is a running container. Its methods may be called concurrently.
type Target struct {
	engine Engine
	info   Info
	name   string // for people
	user   string // the container's configured user, see passwd.Default
	// groupAdd are groups of every process, as names or numbers of the container.
	groupAdd []string
	imageEnv []string // the container's own environment
	log      logrus.FieldLogger
	grace    time.Duration

	gateWait time.Duration

	ns   *netns.Process // the main process's namespaces
	main *proc.Leader   // the main process
	// names resolves by the container's files, inside its network.
	names *resolve.Resolver

	helper   *helper.Program // nil: none
	sessions *sessions.Keeper
	starter  starter
	why      string         // why it is docker exec; empty when it is not
	cleanups sync.WaitGroup // what ends failed starts in the background
}

var _ sshd.Target = (*Target)(nil)

// New makes a target of a running container. ctx bounds the look-up alone. The
// error is one sentence for whoever runs the runner. The caller calls Close.
func New(ctx context.Context, config Config) (*Target, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a runner for a container must run as root: it enters the container's namespaces")
	}
	if config.Client == nil || config.ContainerID == "" {
		return nil, errors.New("a container target needs a Docker client and a container id")
	}
	found, err := inspectRunning(ctx, config.Client, config.ContainerID)
	if err != nil {
		return nil, err
	}
	t := &Target{engine: config.Client, user: found.Config.User, imageEnv: found.Config.Env, log: config.Log, grace: config.Grace, name: config.Name}
	t.helper = config.Helper
	if found.HostConfig != nil {
		t.groupAdd = found.HostConfig.GroupAdd
	}
	t.info = Info{ID: found.ID, Name: strings.TrimPrefix(found.Name, "/"), Image: found.Config.Image}
	t.setDefaults()
	if err := t.hold(found.State.Pid); err != nil {
		return nil, err
	}
	t.names = &resolve.Resolver{ReadFile: t.ns.ReadFile, Dial: t.ns.DialContext}
	t.openSessions(config)
	if err := t.setStarter(ctx, config.Exec); err != nil {
		t.sessions.Close()
		t.release()
		return nil, err
	}
	return t, nil
}

// SetName changes what messages call the container, for a caller who learns it
// only after New. It must not be called while the target serves.
func (t *Target) SetName(name string) { t.name = name }

func (t *Target) setDefaults() {
	if t.name == "" {
		t.name = t.info.Name
	}
	if t.grace == 0 {
		t.grace = defaultGrace
	}
	if t.log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		t.log = silent
	}
	t.gateWait = defaultGateWait
	t.log = t.log.WithField("container", t.info.ID)
}

func (t *Target) openSessions(c Config) {
	t.sessions = sessions.Open(sessions.Config{
		ContainerID: t.info.ID, PID: t.main.PID(), OnEnd: c.OnEnd, Grace: t.grace, Log: t.log,
		Abandon: t.abandon, Observe: c.Observe,
	})
}

// Sessions counts the sessions and their processes.
func (t *Target) Sessions() sessions.Counts { return t.sessions.Counts() }

// hold takes hold of the container's main process.
func (t *Target) hold(pid int) error {
	ns, err := netns.Open(pid)
	if err != nil {
		return t.elsewhere(pid, err)
	}
	main, err := proc.Open(pid)
	if err != nil {
		ns.Close()
		return t.elsewhere(pid, err)
	}
	// Only now is the number certain to mean one process.
	if err := inContainer(pid, t.info.ID); err != nil || !ns.Alive() {
		ns.Close()
		main.Close()
		return t.elsewhere(pid, err)
	}
	t.ns, t.main = ns, main
	return nil
}

func (t *Target) elsewhere(pid int, err error) error {
	return fmt.Errorf("container %q: its main process, %d by the engine's word, is not one of this machine's (%v): "+
		"run the runner on the machine of the engine and in its PID namespace", t.name, pid, err)
}

// Info says which container it is.
func (t *Target) Info() Info { return t.info }

// Close releases the container, which goes on running. End every process
// before. It waits, a minute at most, for failed starts to be cleared up.
func (t *Target) Close() error {
	t.cleanups.Wait()
	t.starter.close()
	t.sessions.Close()
	return t.release()
}

func (t *Target) release() error {
	t.main.Close()
	return t.ns.Close()
}
