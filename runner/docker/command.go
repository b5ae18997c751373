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
	"strings"
	"unicode/utf8"

	"switchyard/sshd"
)

// loginFlag are the shells that -l makes a login shell. Others, such as
// git-shell or nologin, take no options.
var loginFlag = map[string]bool{
	"sh": true, "ash": true, "dash": true, "bash": true, "rbash": true, "ksh": true, "mksh": true,
	"zsh": true, "fish": true, "csh": true, "tcsh": true,
}

// job is a process to start in the container, whichever way.
type job struct {
	user string   // as docker exec --user takes it; empty: the container's own
	args []string // the first an absolute path
	env  []string // "NAME=value", added to the container's
	dir  string
	pty  *sshd.Pty // nil: pipes
	// stops says that the process stops itself before the user's command runs, see gate.go.
	stops bool
}

// job says what shall be run for a command. needsStop says whether that must be held up until it is set up.
func (t *Target) job(ctx context.Context, c sshd.Command, needsStop bool) (job, error) {
	if err := checkText(c); err != nil {
		return job{}, err
	}
	if err := t.executable(ctx, c.Account.Shell); errors.Is(err, fs.ErrNotExist) && t.shellless(ctx, c.Account.Shell) {
		return t.direct(ctx, c)
	} else if err != nil {
		return job{}, t.noShell(c.Account, err)
	}
	j := job{user: c.Account.User, args: shellCommand(c), env: environment(c), dir: "/", pty: c.Pty}
	if gate := t.gateShell(ctx, c.Account.Shell); gate != "" {
		j.args, j.stops = gated(gate, c.Account.Home, j.args, needsStop), needsStop
	} else if !utf8.ValidString(c.Line) {
		return job{}, fmt.Errorf("container %q has no /bin/sh, and without it a command must be UTF-8", t.name)
	}
	return j, nil // without a gate it stays in /: the runtime must not enter a directory that the container's files name
}

// checkText refuses what no process can be given (execve(2)).
func checkText(c sshd.Command) error {
	for _, text := range append([]string{c.Line, c.Account.User, c.Account.Home, c.Account.Shell}, c.Env...) {
		if strings.ContainsRune(text, 0) {
			return errors.New("a command and its environment cannot hold a NUL byte")
		}
	}
	return nil
}

func shellCommand(c sshd.Command) []string {
	switch {
	case !c.Shell:
		return []string{c.Account.Shell, "-c", c.Line}
	case loginFlag[path.Base(c.Account.Shell)]:
		return []string{c.Account.Shell, "-l"}
	}
	return []string{c.Account.Shell}
}

// environment is added to the image's. Names are unique: a later value replaces
// an earlier one. What JSON cannot carry, as which it travels, is left out, as
// RFC 4254 section 6.4 lets a server do with any variable.
func environment(c sshd.Command) []string {
	a := c.Account
	all := []string{"HOME=" + a.Home, "USER=" + a.Name, "LOGNAME=" + a.Name, "SHELL=" + a.Shell}
	if c.Pty != nil && c.Pty.Term != "" {
		all = append(all, "TERM="+c.Pty.Term)
	}
	all = append(all, c.Env...)
	at := map[string]int{}
	var unique []string
	for _, variable := range all {
		name, _, ok := strings.Cut(variable, "=")
		if !ok || name == "" || !utf8.ValidString(variable) {
			continue
		}
		if i, seen := at[name]; seen {
			unique[i] = variable
			continue
		}
		at[name] = len(unique)
		unique = append(unique, variable)
	}
	return unique
}

// executable looks inside the container whether a program could be run.
func (t *Target) executable(ctx context.Context, program string) error {
	info, err := t.ns.Stat(ctx, program)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return errNotExecutable
	}
	return nil
}

var errNotExecutable = errors.New("it is no program")

// noShell explains why a login's shell cannot be run.
func (t *Target) noShell(a sshd.Account, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t.missing("container %q has no %q, the login shell of %q: log in as an account whose shell the image has",
			t.name, a.Shell, a.Name)
	case errors.Is(err, errNotExecutable):
		return fmt.Errorf("%q, the login shell of %q in container %q, is no program", a.Shell, a.Name, t.name)
	}
	return t.fail("looking for the login shell", err)
}
