// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	gossh "golang.org/x/crypto/ssh"
)

// handleTCPIPForward is tcpip-forward (RFC 4254 section 7.1).
func (c *connection) handleTCPIPForward(payload []byte) (answer, error) {
	m, err := parsePortForward(payload)
	if err != nil {
		return answer{}, err
	}
	at, begin, err := c.listen(func() (net.Listener, place, error) { return c.listenPort(m) }, c.servePort)
	if err != nil {
		c.note(fmt.Sprintf("nothing listens on port %d: %s", m.Port, listenReason(err)))
		return answer{}, fmt.Errorf("listening on port %d of %s: %w", m.Port, quote(m.Host), err)
	}
	a := answer{begin: begin}
	if m.Port == 0 {
		a.payload = gossh.Marshal(portForwardedMsg{Port: uint32(at.port)})
	}
	return a, nil
}

// handleCancelTCPIPForward is cancel-tcpip-forward (RFC 4254 section 7.1).
func (c *connection) handleCancelTCPIPForward(payload []byte) (answer, error) {
	m, err := parsePortForward(payload)
	if err != nil {
		return answer{}, err
	}
	return answer{}, c.cancelListen(place{host: m.Host, port: uint16(m.Port)})
}

func parsePortForward(payload []byte) (tcpipForwardMsg, error) {
	m, err := parse[tcpipForwardMsg](payload)
	if err != nil {
		return m, errors.New("the request is malformed")
	}
	if m.Port > 65535 {
		return m, fmt.Errorf("there is no port %d", m.Port)
	}
	if len(m.Host) > maxHost || strings.ContainsFunc(m.Host, notInHost) {
		return m, fmt.Errorf("%s is not an address", quote(m.Host))
	}
	return m, nil
}

// listenPort listens on the port that is asked for, or on one that is free, on the addresses that the
// policy makes of those that are asked for.
func (c *connection) listenPort(m tcpipForwardMsg) (net.Listener, place, error) {
	l, err := c.listenTCP(c.cfg.Forwards.GatewayPorts.bindHost(m.Host), uint16(m.Port))
	if err != nil {
		return nil, place{}, err
	}
	return l, place{host: m.Host, port: addrPort(l.Addr()).Port()}, nil
}

func (c *connection) listenTCP(host string, port uint16) (net.Listener, error) {
	t, ok := c.cfg.Target.(PortListener)
	if !ok {
		return nil, fmt.Errorf("%s cannot listen", c.cfg.TargetName)
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.DialTimeout)
	defer cancel()
	return t.Listen(ctx, c.login, host, port)
}

// servePort opens a channel for each connection to a port. The client knows the port by the address that
// it asked for, and not by the one that was made of it, which is also what OpenSSH's server tells it.
func (c *connection) servePort(l net.Listener, at place) {
	c.serveListener(c.ctx, l, "forwarded-tcpip", func(conn net.Conn) []byte {
		from := addrPort(conn.RemoteAddr())
		return gossh.Marshal(forwardedTCPIPMsg{
			Host: at.host, Port: uint32(at.port),
			OriginatorHost: from.Addr().String(), OriginatorPort: uint32(from.Port()),
		})
	})
}

// addrPort is a TCP address; port 0 of 0.0.0.0 stands for any other.
func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
