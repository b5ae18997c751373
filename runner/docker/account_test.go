// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"switchyard/sshd"
	"switchyard/test/rig"
)

func TestLoginsAreThoseOfTheContainer(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{User: "alice:staff"})
		for login, want := range map[string]sshd.Account{
			"":      {Name: "alice", User: "alice:2000", UID: 1000, GID: 2000, Home: "/home/alice", Shell: "/bin/sh"},
			"root":  {Name: "root", User: "root", Home: "/root", Shell: "/bin/sh"},
			"bob":   {Name: "bob", User: "bob", UID: 1001, GID: 100, Home: w.account(t, "bob").Home, Shell: "/bin/sh"},
			"1001":  {Name: "bob", User: "1001", UID: 1001, GID: 100, Home: w.account(t, "bob").Home, Shell: "/bin/sh"},
			"77":    {Name: "77", User: "77", UID: 77, Home: "/", Shell: "/bin/sh"},
			"77:88": {Name: "77", User: "77:88", UID: 77, GID: 88, Home: "/", Shell: "/bin/sh"},
		} {
			if got := w.account(t, login); got != want {
				t.Errorf("%q: got %+v, want %+v", login, got, want)
			}
		}
		for _, login := range []string{"mallory", "alice:staff", "-1", "77:", "root\n"} {
			_, err := w.target.Account(t.Context(), login)
			var none *sshd.NoLoginError
			if !errors.As(err, &none) || none.Login != login || none.Target != w.Name {
				t.Errorf("%q: %v", login, err)
			}
		}
	})
}

func TestTheDefaultUserIsTheContainers(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		for user, want := range map[string]string{"": "0 0", "alice": "1000 100", "1001": "1001 100", "5:6": "5 6", "alice:staff": "1000 2000"} {
			t.Run(user, func(t *testing.T) {
				w := open(t, by, rig.ContainerSpec{User: user})
				command := line("echo $(id -u) $(id -g)")
				command.Account = w.account(t, "")
				if got := strings.TrimSpace(w.run(t, command, "").stdout); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				if docker := w.Shell(t, "echo $(id -u) $(id -g)"); docker != want {
					t.Errorf("docker exec has %q, want %q", docker, want)
				}
			})
		}
	})
}

func TestAHostilePasswdHarmsNobody(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		// The engine too reads passwd when it starts a process, and waits for ever
		// for a FIFO's writer: so the shell that makes these is there before.
		p := w.start(t, line("exec sh"))
		done := bufio.NewReader(p.Stdout())
		make := func(script string) {
			if _, err := io.WriteString(p.Stdin(), "rm -rf /etc/passwd; "+script+"; echo made\n"); err != nil {
				t.Fatal(err)
			}
			until(t, done, "made")
		}
		for _, test := range []struct{ name, make, want string }{
			{"a FIFO", "mkfifo /etc/passwd", "not a regular file"},
			{"a device", "mknod /etc/passwd c 1 5", "not a regular file"},
			{"a directory", "mkdir /etc/passwd", "not a regular file"},
			{"a huge file", "dd if=/dev/zero of=/etc/passwd bs=1 count=1 seek=1G 2>/dev/null", "1073741825 bytes"},
			{"a loop", "ln -s /etc/passwd /etc/passwd", "too many levels"},
			{"binary", "head -c 100000 /dev/urandom > /etc/passwd", "no login"},
			{"none", "true", "no login"},
			{"a way out", "ln -s /proc/1/root/etc/shadow /etc/passwd", ""},
			{"the machine's own", "ln -s /../../../../../../../../etc/hostname /etc/passwd", "no login"},
		} {
			make(test.make)
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			_, err := w.target.Account(ctx, "mallory")
			cancel()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: got %v, want %q", test.name, err, test.want)
			}
		}
		make("echo eve:x:7:8::/:/bin/sh > /elsewhere; ln -s /elsewhere /etc/passwd")
		if got := w.account(t, "eve"); got.UID != 7 {
			t.Errorf("through a link inside: %+v", got)
		}
	})
}
