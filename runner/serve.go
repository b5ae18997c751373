// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"switchyard/api"
	"switchyard/proof"
	"switchyard/sshd"
	"switchyard/upgrade"
)

// maxHead is the longest request head that is read, in bytes: the grant and the rest.
const maxHead = api.MaxGrantLength + 8<<10

// refusal is the answer to whoever lacks the proof, whatever was wrong.
const refusal = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

// acceptPause is how long to wait after accept(2) has failed, as when there are no descriptors left.
const acceptPause = 50 * time.Millisecond

// port serves the connections of one listener.
//
// It reads one request of its own instead of having a net/http server do it, which answers what it cannot
// parse in other words than what its handler refuses.
type port struct {
	cfg         *Config
	gate        gate
	tls         *tls.Config
	ssh         *sshd.Server
	connections *connections
	log         logrus.FieldLogger
	complaints  sometimes
}

// accept serves connections until the listener is closed. It does not wait for them.
func (p *port) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			p.log.WithError(err).Warn("accepting a connection")
			time.Sleep(acceptPause)
		case !p.connections.add(conn):
			conn.Close()
		default:
			go p.serve(conn)
		}
	}
}

// serve serves one connection to its end.
func (p *port) serve(plain net.Conn) {
	defer p.connections.remove(plain)
	defer plain.Close()
	plain.SetDeadline(time.Now().Add(p.cfg.HandshakeTimeout))
	conn := tls.Server(upgrade.NewBatch(plain), p.tls)
	a, w, err := p.examine(conn)
	if err == nil && !p.connections.trust(plain) {
		return // evicted, or the runner is ending
	}
	if err != nil {
		p.refuse(conn, err)
		return
	}
	upgraded, err := upgrade.Accept(w, api.ProtocolSSH, http.Header{api.HeaderProof: {a.response.String()}})
	if err != nil {
		p.log.WithError(err).Warn("answering the controller")
		return
	}
	p.serveSSH(upgraded, a.grant)
}

// examine reads what the peer shows and decides on it.
func (p *port) examine(conn *tls.Conn) (admission, *writer, error) {
	if err := conn.Handshake(); err != nil {
		return admission{}, nil, fmt.Errorf("the TLS handshake failed: %w", err)
	}
	e, err := proof.Export(conn.ConnectionState(), proof.ExporterLabel)
	if err != nil {
		return admission{}, nil, err
	}
	// The limit holds for the head alone; what the reader has taken in beyond it is handed on.
	br := bufio.NewReader(io.LimitReader(conn, maxHead))
	r, unread := http.ReadRequest(br)
	if unread != nil {
		r = nil
	}
	a, err := p.gate.admit(r, e, time.Now())
	return a, &writer{conn: conn, br: br}, errors.Join(err, unread)
}

// refuse answers and lets the peer read the answer: closing with its data unread would reset the
// connection under it.
func (p *port) refuse(conn *tls.Conn, cause error) {
	p.connections.refused.Add(1)
	p.complain(conn, cause)
	if _, err := io.WriteString(conn, refusal); err != nil {
		return
	}
	if conn.CloseWrite() == nil {
		io.CopyN(io.Discard, conn, maxHead)
	}
}

// complain logs a refusal. A wrong proof is what an operator must see, since it is how a runner at an
// address that is not its own, or with an old key, shows; but whoever can reach the port can
// cause them, so not every one.
func (p *port) complain(conn *tls.Conn, cause error) {
	log := p.log.WithField("peer", conn.RemoteAddr().String()).WithError(cause)
	if errors.Is(cause, errProof) && p.complaints.now() {
		log.Warn("refused a connection")
	} else {
		log.Debug("refused a connection")
	}
}

// serveSSH serves a connection whose peer has proven itself the controller.
func (p *port) serveSSH(conn *upgrade.Conn, g api.Grant) {
	log := p.log.WithFields(logrus.Fields{"session": string(g.SessionID), "user": g.User, "client": g.ClientAddress})
	if err := upgrade.KeepAlive(conn, p.cfg.Probes); err != nil {
		log.WithError(err).Warn("setting keepalive")
	}
	log.Info("session opened")
	begin := time.Now()
	err := p.ssh.Serve(p.connections.ctx, conn, g)
	log = log.WithField("duration", time.Since(begin).Round(time.Millisecond).String())
	if err != nil && !errors.Is(err, context.Canceled) {
		log = log.WithField("cause", err.Error())
	}
	log.Info("session closed")
}
