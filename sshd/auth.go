// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	gossh "golang.org/x/crypto/ssh"
)

// maxLogin is the longest login, in bytes. Linux allows 32 in a name; a uid:gid needs 21.
const maxLogin = 256

// authenticateNone answers the authentication method "none" (RFC 4252 section 5.2). Who the peer is has
// been proved before the first byte of SSH; what is left is to find the account that the SSH user name
// means. A refusal reaches the person as a banner (section 5.4), since the failure itself has no text.
func (c *connection) authenticateNone(conn gossh.ConnMetadata) (*gossh.Permissions, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.HandshakeTimeout)
	defer cancel()
	account, err := c.account(ctx, conn.User())
	if err != nil {
		return nil, &gossh.BannerError{Err: err, Message: banner(err)}
	}
	c.handshake.Stop()
	c.conn.trust()
	c.log.Infof("logged in as %q, meant by %s", account.User, quote(conn.User()))
	c.login = account
	c.clientVersion = string(conn.ClientVersion())
	return nil, nil
}

// banner is an error as a banner holds it: one line, ended by CR LF (RFC 4252 section 5.4).
func banner(err error) string {
	return "switchyard: " + oneLine(err.Error()) + "\r\n"
}

// account finds the account that the SSH user name means, and whether the grant allows it.
//
// A client that named no login sends the local user's name. So a name that is the local user's and
// that the target does not have means the target's default user. That one too must be allowed by the
// grant, under its own name: the client chose the local name, and must gain nothing by it.
func (c *connection) account(ctx context.Context, name string) (Account, error) {
	if len(name) > maxLogin {
		return Account{}, fmt.Errorf("the login %s has %d bytes: %d is the most", quote(name), len(name), maxLogin)
	}
	if name == "" {
		return c.defaultAccount(ctx)
	}
	allowed := c.allowsLogin(name)
	if !allowed && name != c.grant.LocalUser {
		return Account{}, c.refusedLogin(name)
	}
	account, err := c.cfg.Target.Account(ctx, name)
	if isNoLogin(err) && name == c.grant.LocalUser {
		return c.defaultAccount(ctx)
	}
	if err == nil && !allowed {
		return Account{}, c.refusedLogin(name)
	}
	return account, c.accountError(name, err)
}

func (c *connection) defaultAccount(ctx context.Context) (Account, error) {
	account, err := c.cfg.Target.Account(ctx, "")
	if err == nil && !c.allowsLogin(account.Name) {
		return Account{}, c.refusedLogin(account.Name)
	}
	return account, c.accountError("", err)
}

// allowsLogin tells whether the grant lists the name, literally: an account has other names, its uid and
// uid:gid, and the latter can carry another group than the one that was granted.
func (c *connection) allowsLogin(name string) bool {
	return len(c.grant.Logins) == 0 || slices.Contains(c.grant.Logins, name)
}

func (c *connection) refusedLogin(name string) error {
	return fmt.Errorf("you may not log in to %s as %s: use %s", c.cfg.TargetName, quote(name), strings.Join(c.grant.Logins, " or "))
}

func isNoLogin(err error) bool {
	var none *NoLoginError
	return errors.As(err, &none)
}

// accountError keeps the target's own sentence about a login that is not there. Any other failure is
// logged and told without its cause, which is the operator's business.
func (c *connection) accountError(name string, err error) error {
	if err == nil || isNoLogin(err) {
		return err
	}
	c.log.WithError(err).Warnf("looking up the login %q", name)
	return fmt.Errorf("the accounts of %s cannot be read: try again, or ask who runs it", c.cfg.TargetName)
}
