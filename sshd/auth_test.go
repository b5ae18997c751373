// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

func TestLogins(t *testing.T) {
	for name, x := range map[string]struct {
		user, local string
		logins      []string
		want        string // the account's User; "" when refused
		says        string
	}{
		"an account":                             {user: "root", want: "root"},
		"uid and gid":                            {user: "1000:0", want: "1000:0"},
		"none named":                             {user: "", want: "app"},
		"the local name, which is no account":    {user: "me", local: "me", want: "app"},
		"the local name, which is an account":    {user: "root", local: "root", want: "root"},
		"a name that is neither":                 {user: "eve", local: "me", says: `there is no login "eve" in container "web"`},
		"no local name is known":                 {user: "eve", says: `there is no login "eve"`},
		"granted":                                {user: "app", logins: []string{"app"}, want: "app"},
		"not granted":                            {user: "root", logins: []string{"app", "www"}, says: `you may not log in to container "web" as "root": use app or www`},
		"not granted and not there":              {user: "eve", logins: []string{"app"}, says: `may not log in`},
		"local, is granted's default":            {user: "me", local: "me", logins: []string{"app"}, want: "app"},
		"local, default not granted":             {user: "me", local: "me", logins: []string{"root"}, says: `as "app": use root`},
		"local and granted, but not there":       {user: "me", local: "me", logins: []string{"me"}, says: `as "app": use me`},
		"local and an account, but not granted":  {user: "root", local: "root", logins: []string{"app"}, says: `as "root": use app`},
		"another name of a granted account":      {user: "1000:0", logins: []string{"app"}, says: `as "1000:0": use app`},
		"none named and the default not granted": {user: "", logins: []string{"root"}, says: `as "app": use root`},
		"control characters":                     {user: "a\x1b]0;x\x07\r\nb", says: `"a\x1b]0;x\a\r\nb"`},
		"too long":                               {user: strings.Repeat("x", 300), says: "256 is the most"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.grant.LocalUser, h.grant.Logins = x.local, x.logins
			s := h.serve()
			var banner string
			c, err := h.open(s, x.user, func(cfg *gossh.ClientConfig) {
				cfg.BannerCallback = func(message string) error { banner += message; return nil }
			})
			if x.want == "" {
				checkRefusal(t, err, banner, x.says)
				if s.wait(t) == nil {
					t.Error("Serve returned no error")
				}
				return
			}
			if err != nil {
				t.Fatalf("%v (%s)", err, banner)
			}
			run(t, c, "true", "")
			if got := h.target.lastCommand(t).Account.User; got != x.want || banner != "" {
				t.Errorf("got the account %q and the banner %q, want %q", got, banner, x.want)
			}
		})
	}
}

// checkRefusal checks that authentication failed with one line for the person.
func checkRefusal(t *testing.T, err error, banner, says string) {
	t.Helper()
	if err == nil || !strings.Contains(banner, says) {
		t.Errorf("got %v and the banner %q, want a refusal with %q", err, banner, says)
	}
	line, ok := strings.CutSuffix(banner, "\r\n")
	if !ok || !strings.HasPrefix(line, "switchyard: ") || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' }) {
		t.Errorf("the banner %q is not one clean line", banner)
	}
}

// brokenAccounts is a target that cannot look up accounts.
type brokenAccounts struct{ *hostTarget }

func (brokenAccounts) Account(context.Context, string) (Account, error) {
	return Account{}, errors.New("dial unix /run/secret.sock: no such file")
}

func TestFailedLookUpKeepsItsCauseFromTheClient(t *testing.T) {
	h := newHost(t)
	h.cfg.Target = brokenAccounts{h.target}
	var banner string
	_, err := h.open(h.serve(), "app", func(cfg *gossh.ClientConfig) {
		cfg.BannerCallback = func(message string) error { banner = message; return nil }
	})
	checkRefusal(t, err, banner, `the accounts of container "web" cannot be read`)
	if strings.Contains(banner, "secret") {
		t.Errorf("the banner %q has the cause", banner)
	}
}

func TestOtherAuthenticationMethodsDoNotHelp(t *testing.T) {
	h := newHost(t)
	_, err := h.open(h.serve(), "eve", func(cfg *gossh.ClientConfig) {
		cfg.Auth = []gossh.AuthMethod{gossh.Password("x"), gossh.PublicKeys(newSigner(t))}
	})
	if err == nil {
		t.Error("a login that is not there was let in")
	}
}
