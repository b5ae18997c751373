// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// ServerLifetime is how long a server certificate of [Self] holds. It is renewed when a third is left.
const ServerLifetime = 7 * 24 * time.Hour

// Self gives a server certificates signed by the installation's own authority. The key is made anew
// with each certificate and never leaves the process.
type Self struct {
	authority *TLS
	names     func() []string
	now       func() time.Time

	mu      sync.Mutex // guards current; held while signing, which is a millisecond once in days
	current *tls.Certificate
}

// NewSelf returns a source of certificates for the names, host names and IP addresses, that names
// returns at each signing. now nil means time.Now.
func NewSelf(authority *TLS, names func() []string, now func() time.Time) *Self {
	if now == nil {
		now = time.Now
	}
	return &Self{authority: authority, names: names, now: now}
}

// GetCertificate is for tls.Config.
func (s *Self) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.current != nil && now.Before(s.current.Leaf.NotAfter.Add(-ServerLifetime/3)) {
		return s.current, nil
	}
	cert, err := s.authority.sign(s.names(), now)
	if err != nil {
		return nil, fmt.Errorf("making the server certificate: %v", err)
	}
	s.current = cert
	return cert, nil
}

func (t *TLS) sign(names []string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: newSerial(),
		Subject:      pkix.Name{CommonName: "switchyard controller"},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(ServerLifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	template.DNSNames, template.IPAddresses = splitNames(names)
	der, err := x509.CreateCertificate(rand.Reader, template, t.cert, key.Public(), t.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, t.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// splitNames sorts names into those that a certificate holds as DNS names and as IP addresses.
func splitNames(names []string) (dns []string, ips []net.IP) {
	sorted := slices.Sorted(slices.Values(names))
	for _, name := range slices.Compact(sorted) {
		if ip := net.ParseIP(name); ip != nil {
			ips = append(ips, ip)
		} else if name != "" {
			dns = append(dns, name)
		}
	}
	return dns, ips
}
