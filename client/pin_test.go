// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"switchyard/client/clienttest"
)

func startController(t *testing.T, opt clienttest.Options) *clienttest.Controller {
	t.Helper()
	c, err := clienttest.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func configFor(t *testing.T, url string) Config {
	t.Helper()
	e, err := ParseEndpoint(url)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Endpoint: e, Token: clienttest.Token}
}

// neverSent fails the test when a token went out.
func neverSent(t *testing.T, c *clienttest.Controller) {
	t.Helper()
	for _, r := range c.Requests() {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s carried the token", r.Method, r.Path)
		}
	}
}

func TestPinReturnsTheAuthorityThatTheTokensIssuerProves(t *testing.T) {
	c := startController(t, clienttest.Options{})
	a, err := Pin(t.Context(), configFor(t, c.URL))
	if err != nil || a.TLS != c.Authority.PEM() || a.Host != clienttest.HostAuthority {
		t.Errorf("%+v, %v", a, err)
	}
	neverSent(t, c)
}

func TestPinRefusesEveryOtherController(t *testing.T) {
	for name, opt := range map[string]clienttest.Options{
		"another token":         {WrongProof: true},
		"no proof":              {NoProof: true},
		"no authority":          {NoAuthority: true},
		"another authority":     {OtherAuthority: true},
		"another name":          {Names: []string{"other.test"}},
		"an expired one":        {Lifetime: -1},
		"TLS 1.2":               {MaxTLS: 0x0303},
		"one that redirects us": {Redirect: "https://127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			c := startController(t, opt)
			if a, err := Pin(t.Context(), configFor(t, c.URL)); err == nil {
				t.Errorf("pinned %+v", a)
			}
			if id, err := Identify(t.Context(), configFor(t, c.URL)); err == nil {
				t.Errorf("identified %+v", id)
			}
			neverSent(t, c)
		})
	}
}

func TestPinRefusesAProofThatWasPassedOn(t *testing.T) {
	c := startController(t, clienttest.Options{})
	r, err := clienttest.StartRelay(c)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = Pin(t.Context(), configFor(t, r.URL))
	if err == nil || !strings.Contains(err.Error(), "does not prove that it issued this token") {
		t.Error(err)
	}
	if len(c.Requests()) == 0 {
		t.Error("the relay passed nothing on, so nothing was tested")
	}
	neverSent(t, c)
}

func TestPinRefusesASecondCertificateBehindTheProvedOne(t *testing.T) {
	a, err := clienttest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "x", a.PEM() + a.PEM(), a.PEM() + "x", strings.ReplaceAll(a.PEM(), "CERTIFICATE", "X509 CRL")} {
		if _, err := parseAuthority(text); err == nil {
			t.Errorf("took %q", text)
		}
	}
	if _, err := parseAuthority(a.PEM()); err != nil {
		t.Error(err)
	}
}

func TestAPinnedAuthorityVerifiesTheControllerFromThenOn(t *testing.T) {
	c := startController(t, clienttest.Options{})
	cfg := configFor(t, c.URL)
	id, err := Identify(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.CA = id.CA
	whoami(t, cfg, "")
	other := startController(t, clienttest.Options{})
	cfg.Endpoint = configFor(t, other.URL).Endpoint
	whoami(t, cfg, "not trusted here")
	neverSent(t, other)
}

func whoami(t *testing.T, cfg Config, want string) {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Whoami(context.Background())
	var unknown x509.UnknownAuthorityError
	switch {
	case want == "" && err != nil:
		t.Error(err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &unknown)):
		t.Errorf("%v, want %q", err, want)
	}
}
