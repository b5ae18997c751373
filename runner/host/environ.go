// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"path"
	"slices"
	"strings"

	"switchyard/sshd"
)

// The search paths that Debian's OpenSSH gives.
const (
	rootPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	userPath = "/usr/local/bin:/usr/bin:/bin"
)

// environ builds a process's whole environment; nothing of ours is in it. What the account decides goes
// before what the client asked for, as with sshd.
func environ(c sshd.Command) []string {
	own := []string{
		"HOME=" + c.Account.Home,
		"USER=" + c.Account.Name,
		"LOGNAME=" + c.Account.Name,
		"SHELL=" + c.Account.Shell,
		"PATH=" + searchPath(c.Account),
	}
	if c.Pty != nil && c.Pty.Term != "" {
		own = append(own, "TERM="+c.Pty.Term)
	}
	for _, v := range c.Env {
		if !has(own, v) {
			own = append(own, v)
		}
	}
	return own
}

func has(env []string, v string) bool {
	name, _, _ := strings.Cut(v, "=")
	return slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
}

func searchPath(a sshd.Account) string {
	if a.UID == 0 {
		return rootPath
	}
	return userPath
}

// arguments are those of the shell: a login shell is told by the dash before its name, login(1).
func arguments(c sshd.Command) []string {
	name := path.Base(c.Account.Shell)
	if c.Shell {
		return []string{"-" + name}
	}
	return []string{name, "-c", c.Line}
}
