// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"net/http"
	"os/user"
	"runtime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"switchyard/api"
	"switchyard/upgrade"
)

// upgradeTimeout bounds the wait for the 101: the controller reaches the container's runner before it
// answers, and has bounds of its own that are meant to be met first.
const upgradeTimeout = 60 * time.Second

// maxLocalUser is the longest local name that a controller takes, in bytes.
const maxLocalUser = 255

// Dial opens a connection to the SSH endpoint of a container. localUser is the user's name on this
// machine, see api.Grant. ctx bounds the handshake alone. The caller closes the connection.
func (c *Controller) Dial(ctx context.Context, ref api.Ref, localUser string) (*upgrade.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, upgradeTimeout)
	defer cancel()
	r, err := c.request(ctx, http.MethodPost, api.PathContainerSSH(ref), nil)
	if err != nil {
		return nil, err
	}
	if localUser != "" {
		r.Header.Set(api.HeaderLocalUser, localUser)
	}
	below, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	conn, _, err := upgrade.Do(ctx, below, r, api.ProtocolSSH)
	if err != nil {
		return nil, c.upgradeError(err)
	}
	return conn, nil
}

func (c *Controller) upgradeError(err error) error {
	var refused *upgrade.ResponseError
	if errors.As(err, &refused) {
		return c.responseError(refused)
	}
	return c.brokenAnswer(err)
}

// LocalUser returns the name that OpenSSH sends when its user named no login; empty when it cannot be
// told, or cannot stand in a header.
func LocalUser() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	name := u.Username
	if runtime.GOOS == "windows" {
		// Windows puts the domain or the machine in front.
		name = name[strings.LastIndexByte(name, '\\')+1:]
	}
	if len(name) > maxLocalUser || strings.ContainsFunc(name, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return ""
	}
	return name
}
