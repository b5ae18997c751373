// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"crypto/tls"
	"net"
	"time"
)

// Probes are the numbers that find a dead peer. The zero value means the defaults.
type Probes struct {
	Idle     time.Duration // silence before the first probe; 0: 15 s
	Interval time.Duration // between probes; 0: 15 s
	Count    int           // unanswered probes that end the connection; 0: 4
}

func (p Probes) withDefaults() Probes {
	if p.Idle <= 0 {
		p.Idle = 15 * time.Second
	}
	if p.Interval <= 0 {
		p.Interval = 15 * time.Second
	}
	if p.Count <= 0 {
		p.Count = 4
	}
	return p
}

// KeepAlive makes the kernel end a connection whose peer has gone without a word: TCP keepalive
// (RFC 9293 section 3.8.4) for a silent one, and TCP_USER_TIMEOUT (RFC 5482), where the system has it,
// for one with data under way, which keepalive does not look at. A peer that is there and takes nothing
// is kept for as long as it answers. It is the only timeout that an upgraded connection has. On what is not TCP, such as a unix socket, it does nothing: there the
// kernel tells at once.
func KeepAlive(c net.Conn, p Probes) error {
	t := tcpConn(c)
	if t == nil {
		return nil
	}
	p = p.withDefaults()
	err := t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: p.Idle, Interval: p.Interval, Count: p.Count})
	if err != nil {
		return err
	}
	return setUserTimeout(t, p.Idle+time.Duration(p.Count)*p.Interval)
}

// tcpConn finds the TCP connection at the bottom, nil when there is none.
func tcpConn(c net.Conn) *net.TCPConn {
	for {
		switch t := c.(type) {
		case *net.TCPConn:
			return t
		case *tls.Conn:
			c = t.NetConn()
		case *Conn:
			c = t.Conn
		case *Batch:
			c = t.Conn
		default:
			return nil
		}
	}
}
