// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"switchyard/test/leaks"
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }

// connTypes are the connections that everything here must work on.
var connTypes = map[string]func(testing.TB) (client, server net.Conn){
	"tcp":              tcpPair,
	"unix":             unixPair,
	"tls":              tlsPair,
	"tls over a batch": tlsBatchPair,
}

func tcpPair(t testing.TB) (client, server net.Conn) { return socketPair(t, "tcp", "127.0.0.1:0") }

func unixPair(t testing.TB) (client, server net.Conn) {
	return socketPair(t, "unix", filepath.Join(t.TempDir(), "s"))
}

func socketPair(t testing.TB, network, address string) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func tlsPair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	client, server = tcpPair(t)
	return startTLS(t, client, server)
}

func tlsBatchPair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	client, server = tcpPair(t)
	return startTLS(t, NewBatch(client), NewBatch(server))
}

// startTLS performs the handshake on the two ends of a connection.
func startTLS(t testing.TB, rawClient, rawServer net.Conn) (client, server net.Conn) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := tls.Server(rawServer, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	c := tls.Client(rawClient, &tls.Config{InsecureSkipVerify: true})
	done := make(chan error, 1)
	go func() { done <- s.Handshake() }()
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return c, s
}

// serve answers HTTP on one connection with h, and waits at the end of the test until that is over.
func serve(t testing.TB, c net.Conn, h http.HandlerFunc) {
	t.Helper()
	l := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conn <- c
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
}

// oneConn is a listener that accepts a single connection.
type oneConn struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error   { close(l.closed); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func newRequest(t testing.TB) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "https://controller.test/v1/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// upgradedPair returns both ends of a connection that has gone through Do, Check and Accept.
func upgradedPair(t testing.TB, pair func(testing.TB) (net.Conn, net.Conn)) (client, server *Conn) {
	t.Helper()
	rawClient, rawServer := pair(t)
	accepted := make(chan *Conn, 1)
	serve(t, rawServer, func(w http.ResponseWriter, r *http.Request) {
		if err := Check(r, "ssh"); err != nil {
			t.Errorf("Check: %v", err)
		}
		c, err := Accept(w, "ssh", http.Header{"X-Extra": {"yes"}})
		if err != nil {
			t.Errorf("Accept: %v", err)
		}
		accepted <- c
	})
	client, header, err := Do(t.Context(), rawClient, newRequest(t), "ssh")
	if err != nil {
		t.Fatal(err)
	}
	if got := header.Get("X-Extra"); got != "yes" {
		t.Errorf("the extra header is %q", got)
	}
	server = <-accepted
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}
