// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"
)

// tlsPair returns both states of a fresh TLS session over an in-memory connection.
func tlsPair(t *testing.T, version uint16) (client, server tls.ConnectionState) {
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
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	s := tls.Server(b, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version, SessionTicketsDisabled: true})
	done := make(chan error, 1)
	go func() { done <- s.Handshake() }()
	c := tls.Client(a, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return c.ConnectionState(), s.ConnectionState()
}

func TestBothEndsExportTheSameAndEverySessionAnother(t *testing.T) {
	export := func(s tls.ConnectionState) Exporter {
		e, err := Export(s, ExporterLabel)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	c1, s1 := tlsPair(t, tls.VersionTLS13)
	c2, _ := tlsPair(t, tls.VersionTLS13)
	if export(c1) != export(s1) {
		t.Error("the two ends of one session export different values")
	}
	if export(c1) == export(c2) {
		t.Error("two sessions export the same value")
	}
}

func TestExportRefusesTLS12(t *testing.T) {
	c, _ := tlsPair(t, tls.VersionTLS12)
	if _, err := Export(c, ExporterLabel); err == nil {
		t.Error("a TLS 1.2 session was accepted")
	}
}
