// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gliderlabs/ssh"
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
	ch, requests, err := c.openChannel(kind, payload)
	if err != nil {
		c.log.WithError(err).Debugf("opening a channel of the type %s", kind)
		reset(conn)
		return
	}
	f := forwarded{ch: ch, requests: requests, conn: conn, buffer: largeBuffer}
	defer c.outgoing.watch(ch, conn)()
	c.forward(f)
}

// reset makes the close of a connection a reset, where it can be.
func reset(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// opened is the answer to a channel's open.
type opened struct {
	ch       gossh.Channel
	requests <-chan *gossh.Request
	err      error
}

// openChannel opens a channel to the client, for which the caller has put a token into opening. A client that
// does not answer in time keeps the token until it does, as it keeps the library's part of the channel.
func (c *connection) openChannel(kind string, payload []byte) (gossh.Channel, <-chan *gossh.Request, error) {
	conn, ok := c.frameCtx.Value(ssh.ContextKeyConn).(*gossh.ServerConn)
	if !ok {
		<-c.opening
		return nil, nil, errors.New("there is no connection")
	}
	answered := make(chan opened)
	tooLate := make(chan struct{})
	defer close(tooLate)
	c.openers.Go(func() {
		defer func() { <-c.opening }()
		var o opened
		o.ch, o.requests, o.err = conn.OpenChannel(kind, payload)
		select {
		case answered <- o:
		case <-tooLate:
			o.drop()
		}
	})
	late := time.NewTimer(c.cfg.AnswerTimeout)
	defer late.Stop()
	select {
	case o := <-answered:
		return o.ch, o.requests, o.err
	case <-late.C:
		return nil, nil, fmt.Errorf("the client has not answered within %v", c.cfg.AnswerTimeout)
	case <-c.ctx.Done():
		return nil, nil, errors.New("the connection has ended")
	}
}

// drop closes a channel whose answer came too late, and waits until the client has closed it, too.
func (o opened) drop() {
	if o.err == nil {
		o.ch.Close()
		gossh.DiscardRequests(o.requests)
	}
}
