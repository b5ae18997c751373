// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"switchyard/upgrade"
)

const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	// writeTimeout is longer than any handshake with a runner takes, which happens before the answer.
	writeTimeout   = 2 * time.Minute
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10

	// lastRequests is how long requests under way at the stop may still take.
	lastRequests = 5 * time.Second
)

func (c *Controller) newServer() *http.Server {
	return &http.Server{
		Handler:           c,
		ReadHeaderTimeout: readHeaderTimeout, // bounds the TLS handshake too
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		TLSConfig: &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: c.cfg.GetCertificate,
			// net/http offers HTTP/2 by itself but, when the first listener it serves is one without TLS,
			// speaks it only if it is named here.
			NextProtos: []string{"h2", "http/1.1"},
		},
		ErrorLog: log.New(serverLog{c.log}, "", 0),
	}
}

// serverLog takes what net/http logs, mostly of clients that fail in TLS, which anybody can cause.
type serverLog struct{ log logrus.FieldLogger }

func (l serverLog) Write(p []byte) (int, error) {
	l.log.WithField("said", string(p)).Debug("http server")
	return len(p), nil
}

// Serve answers on the listeners, TLS on those of TCP and plain HTTP on unix sockets. It closes them and
// returns when no session is left and Shutdown or Close has stopped it, or a listener has failed, which
// stops everything. Shutdown may still be waiting for requests then. Serve may be called once.
func (c *Controller) Serve(listeners ...net.Listener) error {
	errs := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { errs <- c.serve(l) }()
	}
	var first error
	for range listeners {
		if err := <-errs; !errors.Is(err, http.ErrServerClosed) && first == nil {
			first = err
			c.Close()
		}
	}
	<-c.registry.closed()
	return first
}

func (c *Controller) serve(l net.Listener) error {
	if l.Addr().Network() == "unix" {
		return c.server.Serve(l)
	}
	if c.cfg.GetCertificate == nil {
		l.Close()
		return errors.New("serving TLS: there is no certificate")
	}
	return c.server.ServeTLS(batchListener{l}, "", "")
}

// batchListener's connections are for the TLS of sessions, which carry much.
type batchListener struct{ net.Listener }

func (l batchListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return upgrade.NewBatch(conn), nil
}

// Shutdown stops the controller. At once it is not ready any more and opens no session; the API goes on
// answering, so that runners can report and sessions be listed and closed. When the last session has
// ended, or ctx is done, which closes those that are left, it stops listening and returns.
func (c *Controller) Shutdown(ctx context.Context) error {
	c.registry.drain()
	select {
	case <-c.registry.closed():
	case <-ctx.Done():
		c.registry.closeAll(errStopping)
		<-c.registry.closed()
	}
	// Requests get their time even when the sessions have used up ctx.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRequests)
	defer cancel()
	err := c.server.Shutdown(last)
	if err != nil {
		err = c.server.Close()
	}
	return err
}

// Close stops the controller at once: sessions and requests are cut.
func (c *Controller) Close() error {
	c.registry.drain()
	c.registry.closeAll(errStopping)
	err := c.server.Close()
	<-c.registry.closed()
	return err
}
