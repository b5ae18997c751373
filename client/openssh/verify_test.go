// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOnlyTheRightCertificateYieldsAKey(t *testing.T) {
	ca, key, now := newSigner(t), newSigner(t), time.Now()
	authority := string(ssh.MarshalAuthorizedKey(ca.PublicKey()))
	check := func(by ssh.Signer, change func(*ssh.Certificate), spoil func([]byte)) (string, error) {
		cert := &ssh.Certificate{
			Key: key.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"web", "web.shop"},
			ValidAfter: uint64(now.Add(-time.Hour).Unix()), ValidBefore: uint64(now.Add(time.Hour).Unix()),
		}
		change(cert)
		if err := cert.SignCert(rand.Reader, by); err != nil {
			t.Fatal(err)
		}
		blob := cert.Marshal()
		spoil(blob)
		return CertifiedKey(authority, "web", base64.StdEncoding.EncodeToString(blob), now)
	}
	asIs, whole := func(*ssh.Certificate) {}, func([]byte) {}
	if line, err := check(ca, asIs, whole); err != nil || line != "* "+string(ssh.MarshalAuthorizedKey(key.PublicKey())) {
		t.Errorf("the right one: %q, %v", line, err)
	}
	for name, change := range map[string]func(*ssh.Certificate){
		"expired":             func(c *ssh.Certificate) { c.ValidBefore = uint64(now.Add(-time.Second).Unix()) },
		"of tomorrow":         func(c *ssh.Certificate) { c.ValidAfter = uint64(now.Add(time.Minute).Unix()) },
		"a user's":            func(c *ssh.Certificate) { c.CertType = ssh.UserCert },
		"another container's": func(c *ssh.Certificate) { c.ValidPrincipals = []string{"db", "web.other", "web.switchyard"} },
		"everybody's":         func(c *ssh.Certificate) { c.ValidPrincipals = nil },
		"with a condition": func(c *ssh.Certificate) {
			c.Permissions.CriticalOptions = map[string]string{"unheard-of@example.com": ""}
		},
	} {
		if line, err := check(ca, change, whole); err == nil || line != "" {
			t.Errorf("%s: %q", name, line)
		}
	}
	if line, err := check(newSigner(t), asIs, whole); err == nil {
		t.Errorf("another authority's: %q", line)
	}
	if line, err := check(ca, asIs, func(b []byte) { b[len(b)-1] ^= 1 }); err == nil {
		t.Errorf("one with a wrong signature: %q", line)
	}
	plain := base64.StdEncoding.EncodeToString(key.PublicKey().Marshal())
	for _, text := range []string{"", "NONE", "%", "AAAA", plain} {
		if line, err := CertifiedKey(authority, "web", text, now); err == nil || line != "" || !strings.Contains(err.Error(), `host key of "web"`) {
			t.Errorf("%.20q: %q, %v", text, line, err)
		}
	}
	if line, err := CertifiedKey("garbage", "web", plain, now); err == nil {
		t.Errorf("without an authority: %q", line)
	}
}
