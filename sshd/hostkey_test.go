// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"crypto/rand"
	"crypto/rsa"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// certify makes a signer with a host certificate by the CA.
func certify(t *testing.T, ca, key gossh.Signer) gossh.Signer {
	t.Helper()
	cert := &gossh.Certificate{
		Key: key.PublicKey(), CertType: gossh.HostCert, ValidPrincipals: []string{"web"},
		ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	s, err := gossh.NewCertSigner(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHostIsVerifiedByItsCertificateAndByItsKey(t *testing.T) {
	ca, key := newSigner(t), newSigner(t)
	signer := certify(t, ca, key)
	checker := gossh.CertChecker{IsHostAuthority: func(k gossh.PublicKey, _ string) bool {
		return string(k.Marshal()) == string(ca.PublicKey().Marshal())
	}}
	byCA := func(_ string, a net.Addr, k gossh.PublicKey) error { return checker.CheckHostKey("web:22", a, k) }
	for algorithm, check := range map[string]gossh.HostKeyCallback{
		gossh.CertAlgoED25519v01: byCA,
		gossh.KeyAlgoED25519:     gossh.FixedHostKey(key.PublicKey()),
	} {
		h := newHost(t)
		h.signer = signer
		c, err := h.open(h.serve(), "app", func(cfg *gossh.ClientConfig) {
			cfg.HostKeyAlgorithms, cfg.HostKeyCallback = []string{algorithm}, check
		})
		if err != nil {
			t.Errorf("%s: %v", algorithm, err)
			continue
		}
		if r := run(t, c, "echo ok", ""); r.stdout != "ok\n" {
			t.Errorf("%s: got %q", algorithm, r.stdout)
		}
	}
}

func TestRenewedSignerIsUsedForTheNextConnection(t *testing.T) {
	h := newHost(t)
	h.dial("app")
	h.signer = newSigner(t)
	h.dial("app") // checks for the new key
}

func TestRSAKeyIsNeverOfferedWithSHA1(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key, err := gossh.NewSignerFromKey(rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	signer := certify(t, newSigner(t), key)
	for _, x := range []struct {
		algorithm string
		ok        bool
	}{
		{gossh.KeyAlgoRSA, false}, {gossh.CertAlgoRSAv01, false},
		{gossh.KeyAlgoRSASHA256, true}, {gossh.KeyAlgoRSASHA512, true}, {gossh.CertAlgoRSASHA512v01, true},
	} {
		h := newHost(t)
		h.signer = signer
		_, err := h.open(h.serve(), "app", func(cfg *gossh.ClientConfig) {
			cfg.HostKeyAlgorithms, cfg.HostKeyCallback = []string{x.algorithm}, gossh.InsecureIgnoreHostKey()
		})
		if (err == nil) != x.ok {
			t.Errorf("%s: %v, want agreed %v", x.algorithm, err, x.ok)
		}
	}
}

func TestCiphersFollowTheCPU(t *testing.T) {
	if got := ciphers(true); slices.Contains(got, gossh.CipherChaCha20Poly1305) || got[0] != gossh.CipherAES128GCM {
		t.Errorf("with AES: %q", got)
	}
	if got := ciphers(false); got[0] != gossh.CipherChaCha20Poly1305 || !slices.Contains(got, gossh.CipherAES256GCM) {
		t.Errorf("without AES: %q", got)
	}
}

func TestNothingRestsOnSHA1(t *testing.T) {
	a := algorithms()
	for _, name := range slices.Concat(a.KeyExchanges, a.Ciphers, a.MACs) {
		if strings.Contains(name, "sha1") || strings.Contains(name, "cbc") {
			t.Errorf("%s is offered", name)
		}
	}
	if a.KeyExchanges[0] != gossh.KeyExchangeMLKEM768X25519 || !slices.Contains(a.KeyExchanges, gossh.KeyExchangeCurve25519) {
		t.Errorf("the key exchanges are %q", a.KeyExchanges)
	}
	// All that the library can be made to offer must be known to it: it drops the rest silently.
	cfg := a
	cfg.SetDefaults()
	if len(cfg.Ciphers) != len(a.Ciphers) || len(cfg.MACs) != len(a.MACs) {
		t.Errorf("the library dropped some of %+v", a)
	}
}
