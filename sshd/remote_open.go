// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

const (
	// maxOpening is how many of the channels that this end opens may wait for the client's answer at once. A
	// connection that comes when so many wait is accepted when one of them has been answered.
	maxOpening = 128
	// answerTimeout is how long the client has for its answer. OpenSSH's client answers once it has connected to
	// where the forward leads, for which Linux gives up after 127 s (tcp_syn_retries, tcp(7)).
	answerTimeout = 150 * time.Second

	// After a failure to accept, as when there are no descriptors left, it is tried again some times.
	acceptPause    = 200 * time.Millisecond
	acceptFailures = 25
)

// serveListener opens a channel for each connection that is accepted, until ctx or the listener ends. It
// does not wait for the channels, close does. open is the payload of their opens.
func (c *connection) serveListener(ctx context.Context, l net.Listener, kind string, open func(net.Conn) []byte) {
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for failures := 0; failures < acceptFailures; {
		conn, err := l.Accept()
		switch {
		case err == nil:
			failures = 0
			if !c.startAccepted(ctx, conn, kind, open(conn)) {
				conn.Close()
			}
		case errors.Is(err, net.ErrClosed) || ctx.Err() != nil:
			return
		default:
			c.log.WithError(err).Warn("accepting a connection to forward")
			failures++
			within(ctx.Done(), acceptPause)
		}
	}
}

// startAccepted serves a connection that was accepted in the target, once there is room for another
// channel that waits for its answer.
func (c *connection) startAccepted(ctx context.Context, conn net.Conn, kind string, payload []byte) bool {
	select {
	case c.opening <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if why := c.admit(); why != nil {
		<-c.opening
		c.log.Debugf("no channel for a connection to forward: %s", why.message)
		return false
	}
	go func() {
		defer c.release()
		defer conn.Close()
		c.serveAccepted(conn, kind, payload)
	}()
	return true
}

// serveAccepted serves a connection by a channel of its own. When the client refuses the channel, the
// connection is reset, as nobody has heard what was said on it.
func (c *connection) serveAccepted(conn net.Conn, kind string, payload []byte) {
	window := c.windows.take()
	defer c.windows.give(window)
	o, err := openLibraryChannel(c.library, kind, payload, window)
	if err == nil {
		err = c.awaitAnswer(o, conn)
	}
	<-c.opening
	if err != nil {
		c.log.WithError(err).Debugf("opening a channel of the type %s", kind)
		reset(conn)
		return
	}
	c.forward(forwarded{ch: o.ch, requests: o.requests, conn: conn, buffer: bufferFor(window)})
}

// awaitAnswer waits until the client takes the channel or refuses it. A client that does not answer in
// time keeps its place among the channels that are being opened, as it keeps the channel, until it does.
func (c *connection) awaitAnswer(o opening, conn net.Conn) error {
	late := fmt.Errorf("the client has not answered within %v", c.cfg.AnswerTimeout)
	ctx, cancel := context.WithTimeoutCause(c.ctx, c.cfg.AnswerTimeout, late)
	defer cancel()
	err := o.wait(ctx)
	if ctx.Err() == nil || c.ctx.Err() != nil {
		return err
	}
	reset(conn)
	if o.wait(c.ctx) == nil {
		o.ch.Close()
		gossh.DiscardRequests(o.requests) // until the client has closed it, too
	}
	return late
}

// reset makes the close of a connection a reset, where it can be.
func reset(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
