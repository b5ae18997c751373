// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	gossh "golang.org/x/crypto/ssh"

	"switchyard/api"
)

const (
	// A display N is TCP port 6000+N (X(7)). The displays below the first are left to servers of the target's
	// own: sshd_config(5), X11DisplayOffset.
	x11BasePort     = 6000
	x11FirstDisplay = 10
	x11LastDisplay  = 999

	// maxCookie is the longest cookie, in bytes. MIT-MAGIC-COOKIE-1 has 16.
	maxCookie   = 256
	maxProtocol = 64
)

// Hostnamer is a Target that knows its host name: what gethostname(2) says inside.
type Hostnamer interface {
	Hostname() (string, error)
}

// handleX11 is x11-req (RFC 4254 section 6.3.1). What it needs in the target is made when the process is
// started, as nothing here waits for the target.
func (s *session) handleX11(payload []byte) error {
	m, err := s.mayForwardX11(payload)
	if err != nil {
		s.c.note("X11 is not forwarded: " + err.Error())
		return err
	}
	s.x11 = &m
	return nil
}

func (s *session) mayForwardX11(payload []byte) (m x11ReqMsg, err error) {
	if m, err = parse[x11ReqMsg](payload); err != nil {
		return m, errors.New("the request is malformed")
	}
	if s.isStarted() {
		return m, errStarted
	}
	if !s.c.grant.Allows(api.FeatureX11Forward) {
		return m, errors.New("you may not forward X11 from " + s.c.cfg.TargetName)
	}
	if s.x11 != nil {
		return m, errors.New("it is asked for once")
	}
	if err := m.check(); err != nil {
		return m, err
	}
	_, err = s.c.sockets()
	return m, err
}

// check tells what cannot be written for programs to read. The cookie is the client's, which made it for this
// session; what the user's X server wants, the client itself puts in its place, and keeps to itself.
func (m x11ReqMsg) check() error {
	if m.Protocol == "" || len(m.Protocol) > maxProtocol || strings.ContainsFunc(m.Protocol, notInProtocol) {
		return fmt.Errorf("%s is not the name of an authorization protocol", quote(m.Protocol))
	}
	if len(m.Cookie) > 2*maxCookie {
		return fmt.Errorf("the cookie has %d digits: %d is the most", len(m.Cookie), 2*maxCookie)
	}
	if _, err := hex.DecodeString(m.Cookie); err != nil || m.Cookie == "" {
		return errors.New("the cookie is not hexadecimal")
	}
	return nil
}

func notInProtocol(r rune) bool {
	return r <= ' ' || r >= 0x7f
}

// x11Vars are the session's variables for X11.
func (s *session) x11Vars() []string {
	if s.x11 == nil {
		return nil
	}
	vars, err := s.startX11(*s.x11)
	if err != nil {
		s.log.WithError(err).Warn("forwarding X11")
		s.c.note("X11 is not forwarded: " + listenReason(err))
	}
	return vars
}

// startX11 listens for X clients, and writes the file by which they authenticate themselves: what sshd has
// xauth(1) do, which need not be there. It stops when the session ends, and the file goes; connections that were made
// go on.
func (s *session) startX11(m x11ReqMsg) ([]string, error) {
	l, display, err := s.c.listenX11()
	if err != nil {
		return nil, err
	}
	file, remove, err := s.c.writeXauthority(m, display)
	if err != nil {
		l.Close()
		return nil, err
	}
	if m.SingleConnection {
		l = &single{Listener: l}
	}
	s.running.Go(func() { s.c.serveListener(s.ctx, l, "x11", x11Open) })
	s.running.Go(func() { <-s.ctx.Done(); remove() })
	return []string{fmt.Sprintf("DISPLAY=localhost:%d.%d", display, m.Screen), "XAUTHORITY=" + file}, nil
}

// x11Open is what the client is told of an X client's connection.
func x11Open(conn net.Conn) []byte {
	from := addrPort(conn.RemoteAddr())
	return gossh.Marshal(x11Msg{OriginatorHost: from.Addr().String(), OriginatorPort: uint32(from.Port())})
}

// listenX11 listens on the loopback for the first display that is free.
func (c *connection) listenX11() (net.Listener, int, error) {
	for display := x11FirstDisplay; display <= x11LastDisplay; display++ {
		l, err := c.listenTCP("localhost", uint16(x11BasePort+display))
		if err == nil {
			return l, display, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, 0, fmt.Errorf("listening for X clients: %w", err)
		}
	}
	return nil, 0, fmt.Errorf("every display from %d to %d is in use", x11FirstDisplay, x11LastDisplay)
}

func (c *connection) writeXauthority(m x11ReqMsg, display int) (path string, remove func(), err error) {
	sockets, err := c.sockets()
	if err != nil {
		return "", nil, err
	}
	cookie, err := hex.DecodeString(m.Cookie)
	if err != nil {
		return "", nil, err
	}
	hostname := ""
	if t, ok := c.cfg.Target.(Hostnamer); ok {
		if hostname, err = t.Hostname(); err != nil {
			c.log.WithError(err).Debug("asking for the host name of X clients")
		}
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.DialTimeout)
	defer cancel()
	path, remove, err = sockets.WritePrivate(ctx, "Xauthority", xauthority(hostname, display, m.Protocol, cookie))
	if err != nil {
		return "", nil, fmt.Errorf("writing the X authority file: %w", err)
	}
	return path, remove, nil
}

// single is a listener that accepts once.
type single struct {
	net.Listener
	taken bool
}

// Accept implements net.Listener. One goroutine calls it.
func (l *single) Accept() (net.Conn, error) {
	if l.taken {
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err == nil {
		l.taken = true
		l.Listener.Close()
	}
	return conn, err
}
