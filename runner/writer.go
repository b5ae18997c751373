// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// writer hands a connection to upgrade.Accept in the way of a net/http server.
type writer struct {
	conn *tls.Conn
	br   *bufio.Reader
}

var (
	_ http.ResponseWriter = (*writer)(nil)
	_ http.Hijacker       = (*writer)(nil)
)

// Hijack gives the connection away, without the deadline of the handshake.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.conn.SetDeadline(time.Time{}); err != nil {
		return nil, nil, err
	}
	return w.conn, bufio.NewReadWriter(w.br, bufio.NewWriter(w.conn)), nil
}

// The rest is only there to be an http.ResponseWriter: there is no answer but the 101 and the refusal.

func (w *writer) Header() http.Header         { return http.Header{} }
func (w *writer) Write(p []byte) (int, error) { return len(p), nil }
func (w *writer) WriteHeader(int)             {}
