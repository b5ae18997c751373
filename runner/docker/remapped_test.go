// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	"switchyard/runner/sessions"
	"switchyard/sshd"
	"switchyard/test/rig"
)

// openRemapped makes a target of a container that has a user namespace: its users are others on the machine
// (dockerd --userns-remap).
func openRemapped(t *testing.T, by Exec, spec rig.ContainerSpec) *world {
	t.Helper()
	rig.NeedRoot(t)
	w := openOn(t, rig.NeedRemappedDocker(t), Config{Exec: by, OnEnd: sessions.HangUp, Grace: time.Second}, spec)
	w.root = rig.RemappedRoot
	return w
}

// inParallel runs tests at once, of which an engine that remaps users makes the most.
func inParallel[T any](t *testing.T, all map[string]T, test func(*testing.T, T)) {
	t.Helper()
	for name, one := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, one)
		})
	}
}

// some are those with these names. Docker lets no container with remapped users share the machine's namespaces.
func some[T any](all map[string]T, names ...string) map[string]T {
	chosen := map[string]T{}
	for _, name := range names {
		chosen[name] = all[name]
	}
	return chosen
}

func TestWithRemappedUsersTheRuntimesProcessesAreConfinedAsDockersAre(t *testing.T) {
	t.Parallel()
	all := some(confinements, "default", "read-only", "non-root", "capabilities", "no new privileges", "limits", "more groups")
	inParallel(t, all, func(t *testing.T, spec rig.ContainerSpec) {
		expectConfinedAsDockers(t, openRemapped(t, ExecRunc, spec), fmt.Sprintf(" %d ", rig.RemappedRoot)) // in uid_map
	})
}

// What such an engine exempts may share what is the machine's.
func TestAContainerThatIsExemptFromRemappingIsConfinedAsDockersAre(t *testing.T) {
	t.Parallel()
	inParallel(t, map[string]func(*container.HostConfig){
		"alone":            func(*container.HostConfig) {},
		"host's processes": func(h *container.HostConfig) { h.PidMode = "host" },
	}, func(t *testing.T, share func(*container.HostConfig)) {
		w := openRemapped(t, ExecRunc, adjusted(func(_ *container.Config, h *container.HostConfig) {
			h.UsernsMode = "host"
			share(h)
		}))
		expectConfinedAsDockers(t, w, fmt.Sprintf(" %d\n", uint32(1<<32-1)))
	})
}

// expectSession is what a session promises, in a container with remapped users.
func expectSession(t *testing.T, by Exec) {
	t.Helper()
	w := openRemapped(t, by, reaping)
	for login, want := range map[string]string{"root": "0 0 /root root", "alice": "1000 100 /home/alice alice", "4242": "4242 0 / 4242"} {
		c := sshd.Command{Account: w.account(t, login), Line: `echo $(id -u) $(id -g) $HOME $USER; cat; echo "$NAME" >&2; exit 7`, Env: []string{"NAME=of the client"}}
		got := w.run(t, c, "what was sent")
		if got.stdout != want+"\nwhat was sent" || got.stderr != "of the client\n" || got.exit != (sshd.Exit{Code: 7}) {
			t.Errorf("%s: %+v", login, got)
		}
		c.Pty, c.Line = onTerminal("").Pty, "stty size; stat -c %u $(tty); kill -KILL $$"
		got = w.run(t, c, "")
		if want := fmt.Sprintf("17 91\r\n%d\r\n", c.Account.UID); got.stdout != want || got.exit.Signal != "KILL" {
			t.Errorf("%s, on a terminal: %+v, want %q", login, got, want)
		}
	}
	w.Shell(t, "echo eve:x:7:8::/tmp:/bin/sh >>/etc/passwd")
	if got := w.run(t, sshd.Command{Account: w.account(t, "eve"), Line: "id -u; pwd"}, ""); got.stdout != "7\n/tmp\n" {
		t.Errorf("eve, whom the container has now: %+v", got)
	}
}

func TestWithRemappedUsersSessionsAreAsElsewhere(t *testing.T) {
	t.Parallel()
	ways := map[string]Exec{string(ExecDocker): ExecDocker, string(ExecRunc): ExecRunc}
	inParallel(t, ways, func(t *testing.T, by Exec) {
		inParallel(t, map[string]func(*testing.T){
			"what they promise": func(t *testing.T) { expectSession(t, by) },
			"their cgroups":     func(t *testing.T) { openRemapped(t, by, reaping).expectCgroups(t) },
			"their end": func(t *testing.T) {
				w := openRemapped(t, by, rig.ContainerSpec{})
				w.start(t, onTerminal("trap : HUP; sleep 21 & while :; do sleep 22; done")).End()
				w.nothingLeft(t)
			},
		}, func(t *testing.T, test func(*testing.T)) { test(t) })
	})
}

func TestWithRemappedUsersPortsAreTheContainers(t *testing.T) {
	t.Parallel()
	w := openRemapped(t, ExecRunc, rig.ContainerSpec{Hostname: "here"})
	w.serve(t, "127.0.0.1:80")
	if got, err := w.get(t, "localhost", 80, "/me"); got != "it is me\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	l, err := w.target.Listen(t.Context(), w.account(t, "root"), "localhost", 81)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	expectEcho(t, l, func() (net.Conn, error) { return w.target.Dial(t.Context(), "localhost", 81) })
	p := w.start(t, line("echo from inside | nc 127.0.0.1 81"))
	defer p.End()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	got := make([]byte, len("from inside\n"))
	if _, err := io.ReadFull(conn, got); string(got) != "from inside\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestWithRemappedUsersOurProgramServesFilesAndSocketsOfTheLogins(t *testing.T) {
	t.Parallel()
	all := some(places, "busybox", "another account", "scratch, a number", "read-only", "confined and not root")
	inParallel(t, all, func(t *testing.T, place place) {
		w := openRemapped(t, ExecRunc, place.spec)
		w.giveHelper(t)
		w.expectSockets(t, place)
		w.expectSFTP(t, place)
	})
}

func TestWithRemappedUsersRootInTheContainerCannotChangeTheHelpersProgram(t *testing.T) {
	t.Parallel()
	w := openRemapped(t, ExecRunc, tracing)
	w.expectUnchangeable(t, w.giveHelper(t))
}
