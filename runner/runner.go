// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/api"
	"switchyard/sshd"
)

// killTime is what ending a connection may take beyond its graces, for processes that are slow to die.
const killTime = 15 * time.Second

// Runner serves one container.
type Runner struct {
	cfg         Config
	key         *hostKey
	tls         *tls.Config
	connections *connections
	serving     atomic.Bool // it is registered, and not ending
}

// New makes a runner. It fails when the config lacks what it requires.
func New(cfg Config) (*Runner, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	key, err := newHostKey()
	if err != nil {
		return nil, err
	}
	tls, err := tlsConfig()
	if err != nil {
		return nil, err
	}
	return &Runner{cfg: cfg, key: key, tls: tls, connections: newConnections(cfg.MaxWaiting)}, nil
}

// Stats may be called at any time, concurrently.
func (r *Runner) Stats() Stats { return r.connections.stats() }

// Run listens, registers and serves until ctx ends or the container does, and returns when nothing of it
// is left. Call it once.
//
// The end of ctx is a stop in good order: sessions are told, their processes ended, and Run returns nil,
// within twice the grace and half a minute. When the container ends, sessions are told so with its exit code, then
// the controller is, and Run returns nil. The error says why the runner could not start, that the
// controller knows no such container any more, that the container could not be followed, or that
// something was left behind.
func (r *Runner) Run(ctx context.Context) error {
	l, err := net.Listen("tcp", r.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listening on %q: %w", r.cfg.Listen, err)
	}
	defer l.Close()
	stopMetrics, err := r.serveMetrics()
	if err != nil {
		return err
	}
	defer stopMetrics()
	address, err := r.cfg.advertised(l.Addr())
	if err != nil {
		return err
	}
	life, end := context.WithCancelCause(ctx)
	var following sync.WaitGroup
	following.Go(func() { r.follow(life, end) })
	err = r.serve(life, l, address)
	end(nil)
	following.Wait()
	return r.outcome(ctx, err)
}

// follow ends life when the container ends.
func (r *Runner) follow(life context.Context, end context.CancelCauseFunc) {
	if r.cfg.Follow == nil {
		return
	}
	code, err := r.cfg.Follow(life)
	if err != nil {
		end(fmt.Errorf("following the container: %w", err))
		return
	}
	end(&containerEnded{code})
}

// serve registers and serves until life ends or the controller knows the container no more. The error
// is why it ended, never nil.
func (r *Runner) serve(life context.Context, l net.Listener, address string) error {
	g := r.registrar(address)
	reported, err := g.register(life)
	if err != nil {
		return err
	}
	if t, ok := r.cfg.Target.(named); ok {
		t.SetName(reported.Name)
	}
	p, err := r.port(address, reported.Name)
	if err != nil {
		return err
	}
	var accepting sync.WaitGroup
	accepting.Go(func() { p.accept(l) })
	r.serving.Store(true)
	r.cfg.Log.Infof("runner: serving container %s (%s) at %s", reported.Name, r.cfg.ContainerID, address)

	why := g.keep(life, reported)
	r.serving.Store(false)
	l.Close()
	cause := errors.New(sentence(reported.Name, why))
	r.cfg.Log.WithField("cause", cause.Error()).Info("runner: ending")
	if !r.connections.close(cause, r.cfg.closeTimeout()) {
		why = errors.Join(why, errors.New("sessions are left that could not be ended"))
	}
	accepting.Wait()
	return why
}

// named is a target that messages call by the container record's name, which the runner learns when it
// registers. People know that one, and not the engine's.
type named interface{ SetName(string) }

// outcome turns the reason for the end into what Run returns, and tells the controller when it is the
// container's.
func (r *Runner) outcome(ctx context.Context, why error) error {
	var ended *containerEnded
	switch {
	case errors.As(why, &ended):
		return r.reportEnd(ctx, ended)
	case why == context.Cause(ctx):
		return nil
	}
	return why
}

func (r *Runner) registrar(address string) *registrar {
	return &registrar{
		controller: r.cfg.Controller,
		key:        r.key,
		heartbeat:  r.cfg.Heartbeat,
		log:        r.cfg.Log,
		report: api.ReportRunner{
			Address: address, HostKey: r.key.line(), Node: r.cfg.Node,
			DockerID: r.cfg.DockerID, Exec: r.cfg.Exec, ExecReason: oneLine(r.cfg.ExecReason, api.MaxExecReason),
		},
	}
}

func (r *Runner) port(address, name string) (*port, error) {
	ssh, err := sshd.New(sshd.Config{
		Target:     r.cfg.Target,
		TargetName: fmt.Sprintf("container %q", name),
		Signer:     r.key.signer,
		Log:        r.cfg.Log,
		Subsystems: r.cfg.Subsystems,
		Forwards:   r.cfg.Forwards,
		EndTimeout: r.cfg.endTimeout(),
	})
	if err != nil {
		return nil, err
	}
	return &port{
		cfg:         &r.cfg,
		gate:        gate{id: r.cfg.ContainerID, key: r.cfg.Key.AddressKey(address)},
		tls:         r.tls,
		ssh:         ssh,
		connections: r.connections,
		log:         r.cfg.Log,
	}, nil
}
