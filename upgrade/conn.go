// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"crypto/tls"
	"io"
	"net"
)

// Conn is a connection after an upgrade. It first delivers the bytes that were read with the HTTP
// head. One reader and one writer may use it at once; Close may be called at any time and closes
// the connection below.
type Conn struct {
	net.Conn
	early []byte // only the reader touches it
	batch *Batch // below TLS, or nil
}

// NewConn returns c with early put back in front of what it will read.
func NewConn(c net.Conn, early []byte) *Conn {
	return &Conn{Conn: c, early: early, batch: batchBelow(c)}
}

func (c *Conn) Read(p []byte) (int, error) {
	if len(c.early) > 0 && len(p) > 0 {
		n := copy(p, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	if c.batch != nil && n > 0 && err == nil {
		n += c.batch.readMore(c.Conn, p[n:])
	}
	return n, err
}

func (c *Conn) Write(p []byte) (int, error) {
	if c.batch == nil {
		return c.Conn.Write(p)
	}
	return c.batch.writeAll(c.Conn, p)
}

// CloseWrite tells the peer that nothing more comes, and leaves the other direction open: a TCP FIN,
// or on TLS a close_notify (RFC 8446 section 6.1).
func (c *Conn) CloseWrite() error { return closeWrite(c.Conn) }

// TLS returns the TLS state of the connection, and whether there is one.
func (c *Conn) TLS() (tls.ConnectionState, bool) {
	t, ok := c.Conn.(*tls.Conn)
	if !ok {
		return tls.ConnectionState{}, false
	}
	return t.ConnectionState(), true
}

// takeEarly returns what is yet to be delivered and forgets it, so that the connection below can be
// read directly from then on.
func (c *Conn) takeEarly() []byte {
	b := c.early
	c.early = nil
	return b
}

type writeCloser interface{ CloseWrite() error }

func closeWrite(c io.Closer) error {
	if w, ok := c.(writeCloser); ok {
		return w.CloseWrite()
	}
	// Nothing can be half-closed here, and a peer that waits for the end would wait for ever.
	return c.Close()
}
