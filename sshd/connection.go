// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gliderlabs/ssh"
	"github.com/sirupsen/logrus"
	gossh "golang.org/x/crypto/ssh"

	"switchyard/api"
)

// connection is one SSH connection, and owns the channels on it.
type connection struct {
	cfg   *Config
	grant api.Grant
	log   logrus.FieldLogger
	conn  *wire

	// ctx ends when the connection has ended. Every start, dial and look-up is bounded by it.
	ctx    context.Context
	cancel context.CancelFunc

	handshake *time.Timer   // cuts the connection until authentication stops it
	timedOut  atomic.Bool   // the handshake took too long
	ended     chan struct{} // closed when end has done its work

	// Set before the first channel handler runs, and read only after.
	frameCtx      ssh.Context
	library       any // the library's connection, from when authentication begins
	handshakeErr  error
	login         Account
	clientVersion string

	mu             sync.Mutex // guards what follows; never held over I/O
	over           error      // why no channel is taken any more; nil while they are
	channels       int
	sessions       map[*session]struct{}
	everSession    bool // a session was opened
	noMoreSessions bool // no-more-sessions@openssh.com came
	notes          []string

	handlers sync.WaitGroup // of channels and requests; added to under mu while over is nil, or from one

	windows *windows      // what the client may have sent on its channels
	opening chan struct{} // has a token for each channel of this end's that waits for the client's answer
	remotes remoteForwards
	private private // what the connection has in the target

	requests globalRequests
}

func newConnection(cfg *Config, conn net.Conn, grant api.Grant) *connection {
	c := &connection{
		cfg:      cfg,
		grant:    grant,
		log:      cfg.Log.WithField("session", string(grant.SessionID)),
		conn:     newWire(conn),
		ended:    make(chan struct{}),
		sessions: map[*session]struct{}{},
		windows:  newWindows(cfg),
		opening:  make(chan struct{}, maxOpening),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

func (c *connection) handshakeTimedOut() {
	c.timedOut.Store(true)
	c.conn.Close()
}

// handshakeCause is the handshake's error, or the reason behind it when the server itself cut it short.
func (c *connection) handshakeCause() error {
	if c.timedOut.Load() {
		return fmt.Errorf("not done after %v", c.cfg.HandshakeTimeout)
	}
	return c.handshakeErr
}

// close is the connection's last act: no handler starts any more, and those that run end.
func (c *connection) close() {
	c.refuseChannels(errors.New("the connection has ended"))
	c.cancel()
	c.handlers.Wait()
	c.private.close()
}

// refuseChannels makes why the answer to every channel from now on. The first reason stays.
func (c *connection) refuseChannels(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over == nil {
		c.over = why
	}
}

// channelHandler makes a gliderlabs handler, which runs on a goroutine of its own that HandleConn does
// not wait for, into one that close waits for. One that starts after close is refused by admit.
//
// The handler learns how large the channel's window is, in bytes.
func (c *connection) channelHandler(open func(ch gossh.NewChannel, window int)) ssh.ChannelHandler {
	return func(_ *ssh.Server, _ *gossh.ServerConn, ch gossh.NewChannel, _ ssh.Context) {
		if why := c.admit(); why != nil {
			c.reject(ch, *why)
			return
		}
		defer c.release()
		window := c.windows.take()
		defer c.windows.give(window)
		setWindow(ch, window)
		open(ch, window)
	}
}

// refusal is why a channel is not opened (RFC 4254 section 5.1).
type refusal struct {
	reason  gossh.RejectionReason
	message string
}

// admit takes a place for one channel.
func (c *connection) admit() *refusal {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over != nil {
		return &refusal{gossh.Prohibited, oneLine(c.over.Error())}
	}
	if c.channels >= c.cfg.MaxChannels {
		return &refusal{gossh.ResourceShortage, fmt.Sprintf("this connection has %d channels open, the most allowed: close one first", c.channels)}
	}
	c.channels++
	c.handlers.Add(1)
	return nil
}

// release gives back what admit took.
func (c *connection) release() {
	c.mu.Lock()
	c.channels--
	c.mu.Unlock()
	c.handlers.Done()
}

// admitSession takes a place for one session.
func (c *connection) admitSession(s *session) *refusal {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.grant.Allows(api.FeatureShell):
		return &refusal{gossh.Prohibited, "you may not open sessions in " + c.cfg.TargetName}
	case c.over != nil:
		return &refusal{gossh.Prohibited, oneLine(c.over.Error())}
	case c.noMoreSessions && c.everSession:
		return &refusal{gossh.Prohibited, "the client asked for no more sessions"}
	case len(c.sessions) >= c.cfg.MaxSessions:
		return &refusal{gossh.ResourceShortage, fmt.Sprintf("this connection has %d sessions open, the most allowed: close one first", len(c.sessions))}
	}
	c.everSession = true
	c.sessions[s] = struct{}{}
	return nil
}

func (c *connection) releaseSession(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sessions, s)
}

// handleNoMoreSessions honours no-more-sessions@openssh.com (OpenSSH PROTOCOL section 2.2). Global requests
// and channel opens reach this server on two goroutines, and OpenSSH's client sends the request right
// behind its one open. So it takes effect when a session has been opened: the open that came before it
// is never refused for having been overtaken.
func (c *connection) handleNoMoreSessions(ssh.Context, *ssh.Server, *gossh.Request) (bool, []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noMoreSessions = true
	return true, nil
}
