// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"switchyard/runner/passwd"
	"switchyard/runner/runc"
	"switchyard/sshd"
)

// runtimeExec starts processes by the container's OCI runtime.
type runtimeExec struct {
	*Target
	runtime *runc.Runtime
}

// needsStop implements starter. A process is our child, and does not vanish before it is held; only a terminal
// is set up after its program has begun.
func (runtimeExec) needsStop(pty *sshd.Pty) bool { return pty != nil }

func (t runtimeExec) close() { t.runtime.Close() }

// start implements starter.
func (t runtimeExec) start(ctx context.Context, j job) (sshd.Process, error) {
	user, err := t.execUser(ctx, j.user)
	if err != nil {
		return nil, t.fail("starting a process", err)
	}
	p, err := t.runtime.Start(ctx, runc.Command{Args: j.args, Env: j.env, Dir: j.dir, User: user, Pty: j.pty})
	if err != nil {
		return nil, t.failExec("starting a process", err)
	}
	if !j.stops {
		awaitProgram(ctx, p.Leader(), programWait)
		return p, nil
	}
	stopped, err := t.awaitGate(ctx, p.Leader().PID())
	if err == nil && stopped {
		err = p.Leader().Signal(unix.SIGCONT)
	}
	if err != nil {
		t.cleanups.Go(p.End)
		return nil, t.failExec("preparing a process", err)
	}
	return p, nil
}

// execUser finds the numbers of docker exec --user in the container's own files, as the engine does. Nil is the
// container's own user, with the groups that its main process has.
func (t *Target) execUser(ctx context.Context, user string) (*runc.User, error) {
	if user == "" {
		return nil, nil
	}
	entries, err := t.readAccounts(ctx, "/etc/passwd")
	if err != nil {
		return nil, err
	}
	text, err := t.readAccounts(ctx, "/etc/group")
	if err != nil {
		return nil, err
	}
	groups := passwd.ParseGroups(text)
	who, ok := passwd.Default(passwd.Parse(entries), groups, user)
	if !ok {
		return nil, fmt.Errorf("the container has no user %q", user)
	}
	own, err := t.execGroups(who, groups)
	return &runc.User{UID: who.UID, GID: who.GID, Groups: own}, err
}

// execGroups are the groups that the engine gives a user: its own, where no group was named those that list it,
// and those of docker run --group-add.
func (t *Target) execGroups(who passwd.Who, groups []passwd.Group) ([]uint32, error) {
	all := []uint32{who.GID}
	add := func(gid uint32) {
		if !slices.Contains(all, gid) {
			all = append(all, gid)
		}
	}
	if who.Listed && !strings.Contains(who.User, ":") {
		for _, g := range groups {
			if slices.Contains(g.Members, who.Name) {
				add(g.GID)
			}
		}
	}
	for _, name := range t.groupAdd {
		gid, ok := passwd.GroupID(groups, name)
		if !ok {
			return nil, fmt.Errorf("the container was given the group %q, which it does not have", name)
		}
		add(gid)
	}
	return all, nil
}
