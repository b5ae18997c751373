// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clienttest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// listener accepts connections and serves each until it is closed.
type listener struct {
	net.Listener
	running sync.WaitGroup
	mu      sync.Mutex // guards conns and closed
	conns   map[net.Conn]struct{}
	closed  bool
}

func listen(cfg *tls.Config, serve func(*listener, net.Conn)) (*listener, error) {
	below, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if cfg != nil {
		below = tls.NewListener(below, cfg)
	}
	l := &listener{Listener: below, conns: map[net.Conn]struct{}{}}
	l.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			l.running.Go(func() { l.with(conn, serve) })
		}
	})
	return l, nil
}

func (l *listener) with(conn net.Conn, serve func(*listener, net.Conn)) {
	defer l.forget(conn)
	if l.own(conn) {
		serve(l, conn)
	}
}

// own has conn closed with the listener.
func (l *listener) own(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[conn] = struct{}{}
	return !l.closed
}

func (l *listener) forget(conn net.Conn) {
	l.mu.Lock()
	delete(l.conns, conn)
	l.mu.Unlock()
	conn.Close()
}

// Close ends the listener and every connection, and waits.
func (l *listener) Close() {
	l.Listener.Close()
	l.mu.Lock()
	l.closed = true
	for c := range l.conns {
		c.Close()
	}
	l.mu.Unlock()
	l.running.Wait()
}

// join copies both ways until both have ended.
func join(a, b net.Conn) {
	var both sync.WaitGroup
	half := func(dst, src net.Conn) {
		io.Copy(dst, src)
		if w, ok := dst.(interface{ CloseWrite() error }); ok {
			w.CloseWrite()
		}
	}
	both.Go(func() { half(a, b) })
	both.Go(func() { half(b, a) })
	both.Wait()
}

// Proxy is an HTTP proxy that knows CONNECT alone.
type Proxy struct {
	URL string // with the user, if it wants one

	Status int               // answer so instead of connecting; 0: connect
	Hosts  map[string]string // where "host:port" really is
	user   string

	*listener
	seen sync.Mutex // guards asked
	all  []string
}

// StartProxy makes a proxy. user is "name:password", empty for none; cert has it speak TLS.
func StartProxy(status int, user string, cert *tls.Certificate, hosts map[string]string) (p *Proxy, err error) {
	p = &Proxy{Status: status, Hosts: hosts, user: user}
	scheme, cfg := "http", (*tls.Config)(nil)
	if cert != nil {
		scheme, cfg = "https", &tls.Config{Certificates: []tls.Certificate{*cert}}
	}
	if p.listener, err = listen(cfg, p.serve); err != nil {
		return nil, err
	}
	p.URL = fmt.Sprintf("%s://%s", scheme, p.Addr())
	if user != "" {
		p.URL = fmt.Sprintf("%s://%s@%s", scheme, user, p.Addr())
	}
	return p, nil
}

// Asked returns the targets asked for so far.
func (p *Proxy) Asked() []string {
	p.seen.Lock()
	defer p.seen.Unlock()
	return append([]string{}, p.all...)
}

func (p *Proxy) serve(l *listener, conn net.Conn) {
	br := bufio.NewReader(conn)
	r, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	p.seen.Lock()
	p.all = append(p.all, r.Method+" "+r.RequestURI)
	p.seen.Unlock()
	status := p.Status
	if status == 0 && p.user != "" && !p.knows(r) {
		status = http.StatusProxyAuthRequired
	}
	if status != 0 {
		fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: 3\r\n\r\nno\n", status, http.StatusText(status))
		return
	}
	p.connect(l, conn, r.RequestURI)
}

func (p *Proxy) knows(r *http.Request) bool {
	r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
	name, password, ok := r.BasicAuth()
	return ok && name+":"+password == p.user
}

func (p *Proxy) connect(l *listener, conn net.Conn, target string) {
	if to := p.Hosts[target]; to != "" {
		target = to
	}
	out, err := net.DialTimeout("tcp", target, 10*time.Second)
	if err != nil {
		io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
		return
	}
	defer l.forget(out)
	if l.own(out) {
		io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		join(conn, out)
	}
}

// Relay sits between a client and a controller, with a certificate of its own authority, and passes on
// everything that is said inside TLS.
type Relay struct {
	URL string
	*listener
}

// StartRelay makes a relay to the controller.
func StartRelay(c *Controller) (*Relay, error) {
	authority, err := NewAuthority()
	if err != nil {
		return nil, err
	}
	cert, err := authority.Issue(time.Hour, "127.0.0.1")
	if err != nil {
		return nil, err
	}
	r := &Relay{}
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	r.listener, err = listen(cfg, func(l *listener, conn net.Conn) {
		out, err := tls.Dial("tcp", c.Address(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			return
		}
		defer l.forget(out)
		if l.own(out) {
			join(conn, out)
		}
	})
	if err != nil {
		return nil, err
	}
	r.URL = "https://" + r.Addr().String()
	return r, nil
}
