// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clienttest

import (
	"cmp"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"switchyard/api"
)

// HostAuthority is the line of the SSH host authority.
const HostAuthority = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2rj4ZmLRzvGsTnHcLM5EGSqGMAk3lKTtN2kzDBHOTv switchyard host authority"

// Request is what one request was.
type Request struct {
	Method, Path, Query string
	Header              http.Header
	Body                string
}

// Controller is a running controller. Close ends it and everything that it started.
type Controller struct {
	Authority *Authority
	URL       string

	opt      Options
	proved   *Authority // the one that /v1/ca offers
	server   *http.Server
	listener net.Listener
	serving  sync.WaitGroup

	mu       sync.Mutex // guards what follows
	requests []Request
	conns    map[net.Conn]struct{} // those taken over
	raw      map[string]string     // by container: bytes to answer an upgrade with
	tries    map[string]int        // by container: upgrades asked for so far
	records
}

// Start makes a controller on a port of loopback, or on a socket.
func Start(opt Options) (*Controller, error) {
	c := &Controller{opt: opt, conns: map[net.Conn]struct{}{}, raw: map[string]string{}, tries: map[string]int{}, records: newRecords()}
	if err := c.certify(); err != nil {
		return nil, err
	}
	if err := c.listen(); err != nil {
		return nil, err
	}
	c.server = &http.Server{Handler: c.handler(), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: 30 * time.Second}
	c.serving.Go(func() { c.server.Serve(c.listener) })
	return c, nil
}

func (c *Controller) certify() (err error) {
	if c.Authority, err = NewAuthority(); err != nil {
		return err
	}
	c.proved = c.Authority
	if c.opt.OtherAuthority {
		c.proved, err = NewAuthority()
	}
	return err
}

func (c *Controller) listen() (err error) {
	if c.opt.Socket != "" {
		c.listener, err = net.Listen("unix", c.opt.Socket)
		c.URL = "unix://" + c.opt.Socket
		return err
	}
	if c.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	c.URL = "http://" + c.listener.Addr().String()
	if c.opt.Plain {
		return nil
	}
	c.URL = "https://" + c.listener.Addr().String()
	names := c.opt.Names
	if len(names) == 0 {
		names = []string{"127.0.0.1", "::1", "localhost", "controller.test"}
	}
	cert, err := c.Authority.Issue(cmp.Or(c.opt.Lifetime, time.Hour), names...)
	c.listener = tls.NewListener(c.listener, &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}, MaxVersion: c.opt.MaxTLS,
	})
	return err
}

// Address is "host:port".
func (c *Controller) Address() string { return c.listener.Addr().String() }

// Port is the port alone.
func (c *Controller) Port() string {
	_, port, _ := net.SplitHostPort(c.Address())
	return port
}

// Close ends the controller. It waits for everything that it started.
func (c *Controller) Close() {
	c.server.Close()
	c.mu.Lock()
	for conn := range c.conns {
		conn.Close()
	}
	c.mu.Unlock()
	c.serving.Wait()
}

// Requests returns what has been asked so far.
func (c *Controller) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// AnswerRaw makes the controller answer upgrades to a container with these bytes, whatever they are,
// and then close the connection.
func (c *Controller) AnswerRaw(container, bytes string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw[container] = bytes
}

func (c *Controller) record(r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, api.MaxBody))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, Request{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Clone(), string(body)})
	r.Body = io.NopCloser(newReader(body))
}
