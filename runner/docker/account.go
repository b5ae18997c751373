// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"switchyard/runner/passwd"
	"switchyard/sshd"
)

// Account finds a login in the container's own passwd, as docker exec --user
// would. An image without a passwd has its uids alone.
func (t *Target) Account(ctx context.Context, login string) (sshd.Account, error) {
	entries, err := t.readAccounts(ctx, "/etc/passwd")
	if err != nil {
		return sshd.Account{}, t.fail("looking up a login", err)
	}
	who, ok := passwd.Login(passwd.Parse(entries), login)
	if login == "" {
		who, ok, err = t.defaultUser(ctx, entries)
	}
	if err != nil {
		return sshd.Account{}, t.fail("looking up its default user", err)
	}
	if !ok {
		return sshd.Account{}, &sshd.NoLoginError{Login: login, Target: t.name}
	}
	return account(who), nil
}

func (t *Target) defaultUser(ctx context.Context, entries []byte) (passwd.Who, bool, error) {
	groups, err := t.readAccounts(ctx, "/etc/group")
	if err != nil {
		return passwd.Who{}, false, err
	}
	who, ok := passwd.Default(passwd.Parse(entries), passwd.ParseGroups(groups), t.user)
	if !ok {
		return who, false, fmt.Errorf("the container is configured for user %q, whom it does not have", t.user)
	}
	return who, true, nil
}

// readAccounts reads passwd or group; without such a file it is empty.
func (t *Target) readAccounts(ctx context.Context, file string) ([]byte, error) {
	text, err := t.ns.ReadFile(ctx, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

func account(who passwd.Who) sshd.Account {
	a := sshd.Account{Name: who.Name, User: who.User, UID: who.UID, GID: who.GID, Home: who.Home, Shell: who.Shell}
	if !path.IsAbs(a.Home) {
		a.Home = "/"
	}
	if !path.IsAbs(a.Shell) {
		a.Shell = "/bin/sh"
	}
	return a
}
