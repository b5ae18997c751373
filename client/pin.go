// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"switchyard/api"
	"switchyard/proof"
)

// maxAuthorities bounds the answer that is read from a peer of which nothing is known yet, in bytes.
const maxAuthorities = 64 << 10

// Pin finds out the certificate authority of the controller that issued cfg.Token. It trusts nothing
// beforehand: on one connection of TLS 1.3 whose certificate it has not verified, it asks for the
// authorities and for the proof ([proof.Authority]) that only the token's issuer can make, and only for
// that very connection. It then holds the certificate that was presented there against the authority.
// The token is not sent.
func Pin(ctx context.Context, cfg Config) (api.Authorities, error) {
	if !cfg.Endpoint.Encrypted() {
		return api.Authorities{}, fmt.Errorf("%s speaks no TLS: there is no authority to pin", cfg.Endpoint)
	}
	digest := proof.TokenDigest(string(cfg.Token))
	cfg.Token, cfg.CA = "", nil
	c, err := New(cfg)
	if err != nil {
		return api.Authorities{}, err
	}
	defer c.Close()
	conn, err := c.dialUnverified(ctx)
	if err != nil {
		return api.Authorities{}, err
	}
	defer conn.Close()
	a, err := c.askAuthorities(ctx, conn, proof.TokenHandle(digest))
	if err != nil {
		return api.Authorities{}, err
	}
	authority, err := c.checkAuthorities(digest, conn.ConnectionState(), a)
	if err != nil {
		return api.Authorities{}, err
	}
	// What was proved is the certificate, not the text that it came in.
	a.TLS = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw}))
	return a, nil
}

// dialUnverified is the only place that goes without verification. Nothing secret may be sent on its
// connection, and nothing be believed that the proof does not cover.
func (c *Controller) dialUnverified(ctx context.Context) (*tls.Conn, error) {
	c.tls = c.tls.Clone()
	c.tls.InsecureSkipVerify = true
	// Below TLS 1.3 an exporter does not name one session alone (RFC 7627).
	c.tls.MinVersion = tls.VersionTLS13
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	return conn.(*tls.Conn), nil
}

// askAuthorities does not use the http.Client, which could open a second connection unasked.
func (c *Controller) askAuthorities(ctx context.Context, conn net.Conn, handle string) (a api.Authorities, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	r, err := c.request(ctx, http.MethodGet, api.PathCA+"?"+api.QueryToken+"="+handle, nil)
	if err != nil {
		return a, err
	}
	if err := r.Write(conn); err != nil {
		return a, c.reachError(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, maxAuthorities)), r)
	if err != nil {
		return a, c.brokenAnswer(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return a, c.brokenAnswer(err)
	}
	return a, c.answer(resp, body, &a)
}

func (c *Controller) checkAuthorities(digest [proof.Size]byte, state tls.ConnectionState, a api.Authorities) (*x509.Certificate, error) {
	e := c.cfg.Endpoint
	if a.TLS == "" {
		return nil, fmt.Errorf("the certificate of %s is from an authority that is not trusted here, and the controller has none of its own to pin: name the authority's file with --ca", e)
	}
	authority, err := parseAuthority(a.TLS)
	if err != nil {
		return nil, c.strange(err.Error())
	}
	exporter, err := proof.Export(state, proof.AuthorityLabel)
	if err != nil {
		return nil, c.strange(err.Error())
	}
	want := proof.Authority(digest, exporter, append(authority.Raw[:len(authority.Raw):len(authority.Raw)], a.Host...))
	if want.Check(a.Proof) != nil {
		return nil, fmt.Errorf("%s does not prove that it issued this token: the token is of another installation, or no longer valid, or somebody sits in between; get a new token, or name the controller's authority with --ca", e)
	}
	return authority, c.checkChain(state, authority)
}

// checkChain closes the circle: the authority is the right one, so whoever holds the key of a
// certificate that it signed for this name is the controller.
func (c *Controller) checkChain(state tls.ConnectionState, authority *x509.Certificate) error {
	roots, rest := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(authority)
	for _, cert := range state.PeerCertificates[1:] {
		rest.AddCert(cert)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: rest, DNSName: c.cfg.Endpoint.Host()})
	if err != nil {
		return c.reachError(&tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err})
	}
	return nil
}

// parseAuthority reads one PEM certificate and refuses a second one, which the proof would not cover.
func parseAuthority(text string) (*x509.Certificate, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
		return nil, fmt.Errorf("not one PEM certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}
