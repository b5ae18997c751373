// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package ca_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"switchyard/controller/ca"
)

func newTLS(t *testing.T) *ca.TLS {
	t.Helper()
	authority, err := ca.NewTLS(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

func TestTLSAuthorityIsConstrained(t *testing.T) {
	cert, err := x509.ParseCertificate(newTLS(t).DER())
	if err != nil {
		t.Fatal(err)
	}
	years := time.Until(cert.NotAfter).Hours() / 24 / 365
	if !cert.IsCA || !cert.MaxPathLenZero || cert.KeyUsage != x509.KeyUsageCertSign || years < 9.9 || years > 10.1 ||
		len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("the authority is %+v", cert)
	}
}

func TestTwoTLSAuthoritiesHaveTwoNames(t *testing.T) {
	one, _ := x509.ParseCertificate(newTLS(t).DER())
	two, _ := x509.ParseCertificate(newTLS(t).DER())
	if one.Subject.CommonName == two.Subject.CommonName {
		t.Errorf("both are called %q", one.Subject.CommonName)
	}
}

func TestTLSAuthoritySurvivesItsFile(t *testing.T) {
	authority := newTLS(t)
	text, err := authority.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ca.ParseTLS(text)
	if err != nil || string(again.DER()) != string(authority.DER()) {
		t.Fatalf("read back: %v", err)
	}
	other, err := newTLS(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	key := string(other[strings.Index(string(other), "-----BEGIN PRIVATE KEY"):])
	for name, bad := range map[string]string{
		"nothing": "", "garbage": "garbage", "no key": string(authority.PEM()), "another's key": string(authority.PEM()) + key,
	} {
		if _, err := ca.ParseTLS([]byte(bad)); err == nil || strings.Contains(err.Error(), "garbage") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServerCertificateHoldsForItsNames(t *testing.T) {
	authority := newTLS(t)
	names := []string{"localhost", "127.0.0.1", "::1", "example.test", "127.0.0.1", ""}
	cert, err := ca.NewSelf(authority, func() []string { return names }, nil).GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM())
	for name, good := range map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true, "example.test": true, "other.test": false, "127.0.0.2": false} {
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); (err == nil) != good {
			t.Errorf("for %q: %v", name, err)
		}
	}
	client := x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := cert.Leaf.Verify(client); err == nil {
		t.Error("it holds for a client as well")
	}
}

func TestServerCertificateIsRenewedBeforeItsEnd(t *testing.T) {
	now := time.Now()
	self := ca.NewSelf(newTLS(t), func() []string { return []string{"localhost"} }, func() time.Time { return now })
	get := func() *tls.Certificate {
		cert, err := self.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	first := get()
	now = now.Add(ca.ServerLifetime / 2)
	if get() != first {
		t.Error("it is renewed at half its life")
	}
	now = now.Add(ca.ServerLifetime / 4)
	second := get()
	if second == first || !second.Leaf.NotAfter.After(now.Add(ca.ServerLifetime/2)) {
		t.Errorf("at three quarters it holds until %v", second.Leaf.NotAfter)
	}
}

// write puts a new certificate and key into the files and sets their time.
func write(t *testing.T, certFile, keyFile string, at time.Time) string {
	t.Helper()
	text, err := newTLS(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{certFile, keyFile} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return string(text)
}

func TestFilesAreReadAgainAndABadPairKeepsTheOldOne(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	if _, err := ca.NewFiles(certFile, keyFile, nil); err == nil {
		t.Error("files that are not there are taken")
	}
	write(t, certFile, keyFile, time.Unix(1, 0))
	files, err := ca.NewFiles(certFile, keyFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	get := func() string {
		cert, err := files.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return cert.Leaf.Subject.CommonName
	}
	first := get()
	write(t, certFile, keyFile, time.Unix(2, 0))
	if err := files.Reload(); err != nil || get() == first {
		t.Errorf("after Reload it is the same certificate: %v", err)
	}
	second := get()
	if err := os.WriteFile(keyFile, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := files.Reload(); err == nil || get() != second {
		t.Errorf("a bad pair: %v, and the certificate is %q", err, get())
	}
}

func TestFilesAreFollowedWhenTheyChange(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	write(t, certFile, keyFile, time.Unix(1, 0))
	var failures []error
	files, err := ca.NewFiles(certFile, keyFile, func(err error) { failures = append(failures, err) })
	if err != nil {
		t.Fatal(err)
	}
	write(t, certFile, keyFile, time.Unix(2, 0)) // before the first look, which is due at once
	cert, err := files.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil || string(loaded.Certificate[0]) != string(cert.Certificate[0]) {
		t.Errorf("it did not follow: %v", err)
	}
	if len(failures) != 0 {
		t.Errorf("failures: %v", failures)
	}
}

func newHost(t *testing.T) (*ca.Host, []byte) {
	t.Helper()
	h, text, err := ca.NewHost()
	if err != nil {
		t.Fatal(err)
	}
	return h, text
}

func TestHostAuthoritySurvivesItsFile(t *testing.T) {
	h, text := newHost(t)
	again, err := ca.ParseHost(text)
	if err != nil || again.Line() != h.Line() {
		t.Errorf("read back %q, %v", again.Line(), err)
	}
	if strings.ContainsAny(h.Line(), "\n\r") || !strings.HasPrefix(h.Line(), "ssh-ed25519 ") {
		t.Errorf("the line is %q", h.Line())
	}
	if _, err := ca.ParseHost([]byte("garbage")); err == nil || strings.Contains(err.Error(), "garbage") {
		t.Errorf("garbage: %v", err)
	}
}

func TestHostCertificateNeedsAPrincipal(t *testing.T) {
	h, _ := newHost(t)
	key, _, err := ca.ParseHostKey(h.Line())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Sign(key, "id", nil, time.Now()); err == nil {
		t.Error("a certificate for every host was signed")
	}
}

func TestHostKeyIsReadStrictly(t *testing.T) {
	h, _ := newHost(t)
	good := h.Line()
	key, line, err := ca.ParseHostKey(good + " a comment\n")
	if err != nil || line != good {
		t.Errorf("read %q, %v; want %q", line, err, good)
	}
	signed, err := h.Sign(key, "id", []string{"web"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"nothing": "", "garbage": "ssh-ed25519 AAAA", "two keys": good + "\n" + good, "options": "no-pty " + good,
		"a certificate": signed.Line, "a huge one": good + strings.Repeat(" ", ca.MaxHostKey),
	} {
		if _, _, err := ca.ParseHostKey(bad); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func ExampleHost_Sign() {
	h, _, err := ca.NewHost()
	if err != nil {
		panic(err)
	}
	key, _, err := ca.ParseHostKey(h.Line()) // any host key will do
	if err != nil {
		panic(err)
	}
	signed, err := h.Sign(key, "0198c7de-93c1-7a43-8b4d-2f3fd3f0f6a5", []string{"web", "web.shop"}, time.Now())
	if err != nil {
		panic(err)
	}
	read, _, _, _, err := ssh.ParseAuthorizedKey([]byte(signed.Line))
	if err != nil {
		panic(err)
	}
	fmt.Println(read.(*ssh.Certificate).ValidPrincipals)
	// Output: [web web.shop]
}
