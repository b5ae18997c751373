// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"switchyard/api"
)

// maxHost is the longest host name, in bytes, with a final dot (RFC 1035 section 2.3.4).
const maxHost = 254

// forwardDrain is how long the inside of a forward may take for what the client sent before it closed
// the channel.
const forwardDrain = 30 * time.Second

// openForward serves a direct-tcpip channel (RFC 4254 section 7.2) to its end. The port is dialled before
// the channel is confirmed, so that "connection refused" is an answer to the open.
func (c *connection) openForward(open gossh.NewChannel, window int) {
	if why := c.mayOpenForward(); why != nil {
		c.reject(open, *why)
		return
	}
	to, err := parseForward(open.ExtraData())
	if err != nil {
		c.reject(open, refusal{gossh.ConnectionFailed, oneLine(err.Error())})
		return
	}
	conn, err := c.dial(to)
	if err != nil {
		c.log.WithError(err).Debugf("dialling %q port %d", to.Host, to.Port)
		c.reject(open, dialRefusal(to.Host, err))
		return
	}
	c.serveDialled(open, conn, window)
}

// mayOpenForward is why the client may not reach into the target.
func (c *connection) mayOpenForward() *refusal {
	if !c.grant.Allows(api.FeatureLocalForward) || c.cfg.Forwards.PermitOpen == PermitNone {
		return &refusal{gossh.Prohibited, "you may not forward ports of " + c.cfg.TargetName}
	}
	return nil
}

// serveDialled serves a channel by a connection into the target.
func (c *connection) serveDialled(open gossh.NewChannel, conn net.Conn, window int) {
	defer conn.Close()
	ch, requests, err := open.Accept()
	if err != nil {
		return
	}
	c.forward(forwarded{ch: ch, requests: requests, conn: conn, buffer: bufferFor(window)})
}

// parseForward reads where a direct-tcpip channel leads.
func parseForward(payload []byte) (directTCPIPMsg, error) {
	m, err := parse[directTCPIPMsg](payload)
	if err != nil {
		return m, errors.New("the request is malformed")
	}
	if m.Port == 0 || m.Port > 65535 {
		return m, fmt.Errorf("there is no port %d", m.Port)
	}
	if m.Host == "" || len(m.Host) > maxHost || strings.ContainsFunc(m.Host, notInHost) {
		return m, fmt.Errorf("%s is not a host name or an address", quote(m.Host))
	}
	return m, nil
}

// notInHost tells what no host name and no address holds, zones and names beyond ASCII included.
func notInHost(r rune) bool {
	return r <= ' ' || r == 0x7f || r == '\uFFFD' || strings.ContainsRune(`"'/\[]`, r)
}

// dialRefusal refuses a channel whose dial failed.
func dialRefusal(host string, err error) refusal {
	if errors.Is(err, errProhibited) {
		return refusal{gossh.Prohibited, errProhibited.Error()}
	}
	return refusal{gossh.ConnectionFailed, dialReason(host, err)}
}

// dialReason is a failed dial in the words that a person knows from a direct one. What the error says
// beyond that, such as addresses of the node, stays in the log.
func dialReason(host string, err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(err, &dns) && isContainers(host):
		return "the name " + quote(host) + " is not known here: every container is reached by the controller, without a jump (-J)"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the name " + quote(host) + " is not known"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "connection timed out"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return "no route to host"
	case errors.Is(err, syscall.ENETUNREACH):
		return "network is unreachable"
	}
	return "the connection failed"
}

// isContainers tells whether a host name is one by which ssh_config calls a container. It means nothing inside of one:
// who asks has jumped through a container to another.
func isContainers(host string) bool {
	return strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), "."+api.HostSuffix)
}

// forwarded is a channel, the connection that it is joined to, and how large a buffer of a copy may
// become, in bytes.
type forwarded struct {
	ch       gossh.Channel
	requests <-chan *gossh.Request
	conn     net.Conn
	buffer   int
}

// forward carries both directions of a channel and a connection, each to its own end, until the client
// has closed the channel and what it sent before has been delivered.
func (c *connection) forward(f forwarded) {
	stop := context.AfterFunc(c.ctx, func() { f.conn.Close() })
	defer stop()
	var copies sync.WaitGroup
	inward, outward := make(chan struct{}), make(chan struct{})
	copies.Go(func() { f.carryIn(inward) })
	copies.Go(func() { f.carryOut(outward) })
	copies.Go(func() {
		<-inward
		<-outward
		f.ch.Close()
	})
	gossh.DiscardRequests(f.requests)
	waitUntil(inward, time.After(forwardDrain))
	f.conn.Close()
	copies.Wait()
}

// carryIn carries what the client sends, and its EOF. When nobody takes it any more, the rest is taken
// from the window, so that the client's end does not stall before it sees the channel's close.
func (f forwarded) carryIn(ended chan<- struct{}) {
	_, err := pumpBy(f.conn, f.ch, f.buffer)
	closeWrite(f.conn)
	close(ended)
	if err != nil {
		discard(f.ch)
	}
}

// carryOut carries what the client receives, and its EOF. A connection that was reset has no EOF: the
// channel is closed instead, which is how the client's end knows that data may be missing.
func (f forwarded) carryOut(ended chan<- struct{}) {
	defer close(ended)
	if readErr, _ := pumpBy(chunks{f.ch}, f.conn, f.buffer); readErr != nil {
		f.ch.Close()
		return
	}
	f.ch.CloseWrite()
}

// closeWrite half-closes a connection.
func closeWrite(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}
