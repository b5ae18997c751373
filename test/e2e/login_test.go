// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os/user"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestLogins(t *testing.T) {
	rig.NeedDocker(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	w := world.New(t, world.Options{})
	w.Run(t, "web", world.ContainerOptions{Spec: rig.ContainerSpec{User: "alice"}})
	const whoami = "id -u; id -g; id -G; echo $HOME; pwd"
	for _, c := range []struct{ login, want string }{
		{"alice", "1000\n100\n100 2000\n/home/alice\n/home/alice"},
		{"root", "0\n0\n0\n/root\n/root"},
		{"1000", "1000\n100\n100 2000\n/home/alice\n/home/alice"},
		{"4711:4712", "4711\n4712\n4712\n/\n/"},
		{"bob", "1001\n100\n100\n/home/bob\n/"}, // a home that does not exist
	} {
		got := w.SSHOutput(t, "-o", "User="+c.login, "web", whoami)
		if got != c.want && !(c.login == "root" && strings.HasPrefix(got, "0\n0\n")) {
			t.Errorf("login %q: got %q, want %q", c.login, got, c.want)
		}
	}
	t.Run("the local user's name means the container's default user", func(t *testing.T) {
		if me.Username == "root" {
			// root is in every passwd, so the name has to be another one: a user that only this
			// ssh believes in.
			c := w.SSHCommand(t, "-o", "User="+world.LocalUser, "-o",
				"ProxyCommand="+w.Bin.Client+" connect --local-user "+world.LocalUser+" %h", "web", "id -un")
			if r := world.Finish(t, c); r.Stdout != "alice\n" {
				t.Errorf("got %q, stderr %q", r.Stdout, r.Stderr)
			}
			return
		}
		if got := w.SSHOutput(t, "web", "id -un"); got != "alice" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a login that does not exist", func(t *testing.T) {
		r := w.SSH(t, "nobody-here@web", "true")
		if r.Code != 255 || !strings.Contains(r.Stderr, `"nobody-here"`) {
			t.Errorf("exit code %d, stderr %q", r.Code, r.Stderr)
		}
	})
	t.Run("a shell that does not exist", func(t *testing.T) {
		r := w.SSH(t, "carol@web", "true")
		if r.Code == 0 || !strings.Contains(r.Stderr, "shell") {
			t.Errorf("exit code %d, stderr %q", r.Code, r.Stderr)
		}
	})
}
