// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"switchyard/runner/passwd"
	"switchyard/sshd"
)

const (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
)

// Account finds a login in /etc/passwd; "" is the account that this process runs as. Without being
// root, every other account is an error that says so.
func (t *Target) Account(_ context.Context, login string) (sshd.Account, error) {
	text, err := os.ReadFile(passwdFile)
	if err != nil {
		return sshd.Account{}, fmt.Errorf("looking for the login %q: %w", login, err)
	}
	if login == "" {
		login = strconv.Itoa(os.Geteuid())
	}
	who, ok := passwd.Login(passwd.Parse(text), login)
	if !ok {
		return sshd.Account{}, &sshd.NoLoginError{Login: login, Target: t.cfg.Name}
	}
	a := account(who)
	return a, mayBecome(a)
}

func account(who passwd.Who) sshd.Account {
	a := sshd.Account{Name: who.Name, User: who.User, UID: who.UID, GID: who.GID, Home: who.Home, Shell: who.Shell}
	if a.Home == "" {
		a.Home = "/"
	}
	if a.Shell == "" {
		a.Shell = "/bin/sh"
	}
	return a
}
