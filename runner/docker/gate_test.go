// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/sshd"
	"switchyard/test/rig"
)

func TestTheLoginsOwnShellIsTheGateWhereThereIsNoOther(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		w.Shell(t, "sed -i s,/bin/sh,/bin/ash, /etc/passwd; rm /bin/sh")
		got := w.run(t, onTerminal("stty size; pwd"), "")
		if got.stdout != "17 91\r\n/root\r\n" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestWithoutAGateItIsDoneAsWellAsCanBe(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		// A login shell that is no shell, in an image that has no other.
		w.Shell(t, "sed -i s,/bin/sh,/bin/busybox-echo, /etc/passwd; cp /bin/busybox /bin/echo.new;"+
			"rm /bin/echo; mv /bin/echo.new /bin/echo; ln -s echo /bin/busybox-echo; rm /bin/sh")
		root := w.account(t, "root")
		root.Shell = "/bin/echo"
		for range 10 { // it ends before or after it is held
			got := w.run(t, sshd.Command{Account: root, Line: "x"}, "")
			if got.stdout != "-c x\n" || got.exit != (sshd.Exit{}) {
				t.Errorf("got %+v", got)
			}
		}
		got := w.run(t, sshd.Command{Account: root, Line: "x", Pty: &sshd.Pty{}}, "")
		if got.stdout != "-c x\r\n" {
			t.Errorf("on a terminal: %+v", got)
		}
		_, err := w.target.Start(t.Context(), sshd.Command{Account: root, Line: "\xff"})
		if err == nil || !strings.Contains(err.Error(), "UTF-8") {
			t.Errorf("a line that would arrive as another: %v", err)
		}
		w.nothingLeft(t)
	})
}

func TestAGateThatIsPassedEarlyHoldsNothingUp(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		// This shell sleeps a little and never stops itself.
		w.Shell(t, `printf '#!/bin/ash\nsleep 0.2; shift 4; exec "$@"\n' > /bin/fast; chmod 755 /bin/fast; ln -sf /bin/fast /bin/sh`)
		root := w.account(t, "root")
		root.Shell = "/bin/ash"
		w.target.gateWait = timeout
		for _, pty := range []*sshd.Pty{nil, {}} {
			p := w.start(t, sshd.Command{Account: root, Line: "read x; exit 3", Pty: pty})
			if _, err := io.WriteString(p.Stdin(), "\n"); err != nil {
				t.Error(err)
			}
			if got := finish(t, p); got.exit.Code != 3 {
				t.Errorf("got %+v", got)
			}
		}
	})
}

func TestAGateThatStaysShutFailsTheStart(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		w.Shell(t, `printf '#!/bin/ash\nwhile :; do sleep 1000; done\n' > /bin/shut;`+
			`chmod 755 /bin/shut; ln -sf /bin/shut /bin/sh`)
		root := w.account(t, "root")
		w.target.gateWait = 200 * time.Millisecond
		_, err := w.target.Start(t.Context(), sshd.Command{Account: root, Line: "true", Pty: &sshd.Pty{}})
		mustSay(t, err, "did not get ready")
		w.target.cleanups.Wait()
		w.nothingLeft(t)
	})
}

func TestOnlyShellsAreToldToBeLoginShells(t *testing.T) {
	for shell, want := range map[string][]string{
		"/bin/bash": {"/bin/bash", "-l"}, "/usr/local/bin/fish": {"/usr/local/bin/fish", "-l"},
		"/usr/bin/git-shell": {"/usr/bin/git-shell"}, "/sbin/nologin": {"/sbin/nologin"},
	} {
		if got := shellCommand(sshd.Command{Account: sshd.Account{Shell: shell}, Shell: true}); !slices.Equal(got, want) {
			t.Errorf("%s: %q", shell, got)
		}
	}
}

func TestAnyLineIsEscapedForTheGate(t *testing.T) {
	command := gated("/bin/sh", "/root", []string{"/bin/bash", "-c", "\xff%\n"}, true)
	if got := command[len(command)-1]; got != `\377\045\012` {
		t.Errorf("got %q", got)
	}
	command = gated("/bin/sh", "/root", []string{"/bin/bash", "-l"}, false)
	if got := strings.Join(command[3:], " "); got != "sh /root /bin/bash -l" {
		t.Errorf("got %q", got)
	}
}

// One argument can have 128 KiB with its NUL (execve(2)), and a line of that length is longer once it is escaped.
func TestALongLineIsEscapedInPieces(t *testing.T) {
	line := strings.Repeat("\xff-1%", (128<<10-1)/4) + "\n\n"
	command := gated("/bin/sh", "/", []string{"printf", "%s", line}, false)
	for _, argument := range command {
		if len(argument) >= 128<<10 {
			t.Errorf("an argument has %d bytes", len(argument))
		}
	}
	printed, err := exec.Command(command[0], command[1:]...).Output()
	if err != nil || string(printed) != line {
		t.Errorf("%d bytes of %d, or others, %v", len(printed), len(line), err)
	}
}
