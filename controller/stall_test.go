// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/controller"
	"switchyard/controller/ca"
)

// TestClientThatStopsBeforeItsRequestIsCompleteIsCutOff: what nobody ends holds a descriptor and a goroutine.
func TestClientThatStopsBeforeItsRequestIsCompleteIsCutOff(t *testing.T) {
	w := newWorld(t, nil)
	self := ca.NewSelf(w.dir.TLS, func() []string { return []string{"127.0.0.1"} }, nil)
	hurried, err := controller.New(t.Context(), controller.Config{
		Store: w.dir.Store, SystemToken: w.dir.SystemToken, Host: w.dir.Host, GetCertificate: self.GetCertificate, Name: "hurried",
	})
	if err != nil {
		t.Fatal(err)
	}
	hurried.HurryForTest(100)
	listeners, err := controller.Listen([]string{"127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- hurried.Serve(listeners...) }()
	t.Cleanup(func() {
		hurried.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	address := listeners[0].Addr().String()
	head := w.head("POST", api.PathContainerSSH("web"), sshHeaders(w.admin))
	for name, begin := range map[string]func(net.Conn) io.Reader{
		"silent":         func(c net.Conn) io.Reader { return c },
		"half of TLS":    func(c net.Conn) io.Reader { c.Write([]byte{22, 3, 1, 2, 0, 1}); return c },
		"no head":        func(c net.Conn) io.Reader { return secured(c, w.tlsConfig(), "") },
		"half a head":    func(c net.Conn) io.Reader { return secured(c, w.tlsConfig(), head[:60]) },
		"all but an end": func(c net.Conn) io.Reader { return secured(c, w.tlsConfig(), head[:len(head)-2]) },
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patience))
			var late net.Error
			if _, err := io.Copy(io.Discard, begin(conn)); errors.As(err, &late) && late.Timeout() {
				t.Error("it is still connected")
			}
		})
	}
}

// secured begins TLS on a connection and sends some bytes.
func secured(c net.Conn, cfg *tls.Config, begin string) io.Reader {
	cfg.ServerName = "127.0.0.1"
	s := tls.Client(c, cfg)
	io.WriteString(s, begin) // with "" it is the handshake alone
	return s
}
