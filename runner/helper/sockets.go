// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/sirupsen/logrus"

	"switchyard/runner/inside/broker"
	"switchyard/sshd"
)

// errClosed is for whoever comes after Close.
var errClosed = errors.New("the connection has ended")

// sockets are the unix-domain sockets of one connection, by a broker in the target.
type sockets struct {
	launch func(context.Context) (*client, error)
	log    logrus.FieldLogger

	// starting is held while a broker is started, so that there is one; before mu.
	starting sync.Mutex
	mu       sync.Mutex // guards the rest
	brokers  []*client  // the last is the one in use
	closed   bool
}

var _ sshd.Sockets = (*sockets)(nil)

// Sockets gives access to the target's unix-domain sockets as an account. The broker is started by the first
// call that needs it, and again if it was ended. log gets what it complains of.
func (p *Program) Sockets(a sshd.Account, start Start, log logrus.FieldLogger) sshd.Sockets {
	log = log.WithField("account", a.Name)
	return &sockets{log: log, launch: func(ctx context.Context) (*client, error) { return p.launch(ctx, a, start, log) }}
}

// broker is the running one.
func (s *sockets) broker(ctx context.Context) (*client, error) {
	s.starting.Lock()
	defer s.starting.Unlock()
	if c, err := s.running(); c != nil || err != nil {
		return c, err
	}
	c, err := s.launch(ctx)
	if err != nil {
		return nil, err
	}
	if !s.keep(c) {
		c.close()
		return nil, errClosed
	}
	return c, nil
}

// keep is false after Close.
func (s *sockets) keep(c *client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.brokers = append(s.brokers, c)
	}
	return !s.closed
}

func (s *sockets) running() (*client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if n := len(s.brokers); n > 0 && s.brokers[n-1].alive() {
		return s.brokers[n-1], nil
	}
	return nil, nil
}

func (s *sockets) Dial(ctx context.Context, path string) (net.Conn, error) {
	r, err := s.ask(ctx, broker.Request{Op: broker.Dial, Path: []byte(path)})
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "unix", Addr: address(path), Err: err}
	}
	return newConn(r.socket)
}

func (s *sockets) Listen(ctx context.Context, path string, unlink bool) (net.Listener, error) {
	r, err := s.ask(ctx, broker.Request{Op: broker.Listen, Path: []byte(path), Unlink: unlink})
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "unix", Addr: address(path), Err: err}
	}
	return r.client.newListener(r, path)
}

func (s *sockets) ListenPrivate(ctx context.Context, name string) (net.Listener, string, error) {
	r, err := s.ask(ctx, broker.Request{Op: broker.ListenPrivate, Name: []byte(name)})
	if err != nil {
		return nil, "", &net.OpError{Op: "listen", Net: "unix", Addr: address(name), Err: err}
	}
	l, err := r.client.newListener(r, r.path)
	return l, r.path, err
}

func (s *sockets) WritePrivate(ctx context.Context, name string, content []byte) (string, func(), error) {
	r, err := s.ask(ctx, broker.Request{Op: broker.WritePrivate, Name: []byte(name), Content: content})
	if err != nil {
		return "", nil, err
	}
	return r.path, sync.OnceFunc(func() { r.client.remove(r.id) }), nil
}

func (s *sockets) ask(ctx context.Context, r broker.Request) (result, error) {
	c, err := s.broker(ctx)
	if err != nil {
		return result{}, err
	}
	return c.ask(ctx, r)
}

// Close waits for the brokers' ends, some seconds at most, and for the start of one, which its caller bounds.
func (s *sockets) Close() error {
	s.mu.Lock()
	all := s.brokers
	s.closed, s.brokers = true, nil
	s.mu.Unlock()
	var closing sync.WaitGroup
	for _, c := range all {
		closing.Go(c.close)
	}
	closing.Wait()
	s.starting.Lock()
	defer s.starting.Unlock()
	return nil
}

// address is a path as net calls one.
func address(path string) net.Addr { return &net.UnixAddr{Name: path, Net: "unix"} }
