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
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

const (
	authorityLifetime = 10 * 365 * 24 * time.Hour
	// backdate is how far the clock of who checks a certificate may be behind ours.
	backdate = time.Hour
)

// TLS is the X.509 authority. It signs servers only, and no further authority.
type TLS struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewTLS makes an authority with a new key. Its name holds a few random digits, so that two
// installations' authorities can be told apart in a trust store.
func NewTLS(now time.Time) (*TLS, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the TLS authority's key: %v", err)
	}
	serial := newSerial()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Switchyard CA " + hex.EncodeToString(serial.Bytes()[:4])},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityLifetime),
		KeyUsage:              x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, // constrains what it signs
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("signing the TLS authority: %v", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the TLS authority: %v", err)
	}
	return &TLS{cert: cert, key: key}, nil
}

// newSerial returns 127 random bits, of which the top one is set: RFC 5280 section 4.1.2.2 wants a
// positive number of at most 20 bytes.
func newSerial() *big.Int {
	var b [16]byte
	rand.Read(b[:]) // crypto/rand.Read never returns an error
	b[0] = b[0]&0x3f | 0x40
	return new(big.Int).SetBytes(b[:])
}

// ParseTLS reads what [TLS.Encode] wrote. The error never holds the input.
func ParseTLS(text []byte) (*TLS, error) {
	// X509KeyPair also checks that the key is the certificate's.
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, errors.New("it is not a certificate and its private key in PEM")
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("it is not an ECDSA certificate authority")
	}
	return &TLS{cert: pair.Leaf, key: key}, nil
}

// Encode returns the certificate and the private key in PEM, for one file: two could get apart.
func (t *TLS) Encode() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(t.key)
	if err != nil {
		return nil, fmt.Errorf("encoding the TLS authority: %v", err)
	}
	return append(t.PEM(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...), nil
}

// PEM returns the certificate alone.
func (t *TLS) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: t.cert.Raw})
}

// DER returns the certificate as proof.Authority takes it.
func (t *TLS) DER() []byte { return t.cert.Raw }

// Expires is when the authority's certificate does.
func (t *TLS) Expires() time.Time { return t.cert.NotAfter }
