// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"
	"testing"

	"switchyard/test/world"
)

func TestLoginsThatAreOddWorkOrSayWhyNot(t *testing.T) {
	t.Parallel()
	eachWay(t, world.ContainerOptions{},
		promise{"a home that does not exist, or cannot be entered, leaves the session in /", oddHomes},
		promise{"a shell that is a script runs as one", scriptShell},
		promise{"a shell that cannot be run is named, with the status that a shell would have", oddShells},
		promise{"a uid without an account runs as that uid", bareUID},
		promise{"a uid and a gid run as both", uidAndGID},
	)
}

// accounts are added to the container's passwd, each once.
const accounts = `
set -e
test -e /odd && exit
mkdir -p /locked /notdir /odd/home
chmod 0700 /locked; rmdir /notdir; touch /notdir
printf '#!/bin/sh\necho script "$#" "$@"\nexit 5\n' >/odd/script; chmod 755 /odd/script
printf '#!/no/such/interpreter\n' >/odd/lost; chmod 755 /odd/lost
printf 'no program\n' >/odd/text; chmod 755 /odd/text
touch /odd/plain; ln -s /odd/circle /odd/circle; ln -s /odd/script /odd/link
while read name shell home; do
	echo "$name:x:$((n=n+1, 3000+n)):100::$home:$shell" >>/etc/passwd
done <<E
locked /bin/sh /locked
notdir /bin/sh /notdir
nohome /bin/sh /no/such/home
relative /bin/sh home
script /odd/script /odd/home
link /odd/link /odd/home
missing /no/such/shell /
plain /odd/plain /
folder /odd /
lost /odd/lost /
text /odd/text /
circle /odd/circle /
E
`

func (e edge) withAccounts(t *testing.T) {
	t.Helper()
	r := e.box.Exec(t, "sh", "-c", accounts)
	if r.Stderr != "" {
		t.Fatal(r)
	}
}

func (e edge) as(t *testing.T, login, command string) world.Result {
	t.Helper()
	return world.Finish(t, e.SSHCommand(t, "-o", "User="+login, e.box.Name, command))
}

func oddHomes(t *testing.T, e edge) {
	e.withAccounts(t)
	for login, home := range map[string]string{
		"locked": "/locked", "notdir": "/notdir", "nohome": "/no/such/home", "relative": "/",
	} {
		if r := e.as(t, login, "pwd; echo $HOME"); r.Stdout != "/\n"+home+"\n" || r.Code != 0 || r.Stderr != "" {
			t.Errorf("login %q: %+v", login, r)
		}
	}
}

func scriptShell(t *testing.T, e edge) {
	e.withAccounts(t)
	for _, login := range []string{"script", "link"} {
		if r := e.as(t, login, "echo  two words"); r.Stdout != "script 2 -c echo  two words\n" || r.Code != 5 {
			t.Errorf("a command: %+v", r)
		}
		if r := world.Finish(t, e.SSHCommand(t, e.login(login))); r.Stdout != "script 0\n" || r.Code != 5 {
			t.Errorf("a shell: %+v", r)
		}
	}
}

func oddShells(t *testing.T, e edge) {
	e.withAccounts(t)
	for login, want := range map[string]struct {
		shell string
		code  int
	}{
		"missing": {"/no/such/shell", 127}, "plain": {"/odd/plain", 126}, "folder": {"/odd", 126}, "circle": {"/odd/circle", 126},
	} {
		r := e.as(t, login, "true")
		if r.Code != want.code || !strings.Contains(r.Stderr, `"`+want.shell+`"`) || !strings.Contains(r.Stderr, login) || strings.Count(r.Stderr, "\n") != 1 {
			t.Errorf("login %q: exit code %d, stderr %q", login, r.Code, r.Stderr)
		}
	}
	// What only execve(2) finds out is said by the shell that calls it, as in any script.
	for login, shell := range map[string]string{"lost": "/odd/lost", "text": "/odd/text"} {
		if r := e.as(t, login, "true"); r.Code < 126 || r.Code > 127 || !strings.Contains(r.Stderr, shell) {
			t.Errorf("login %q: exit code %d, stderr %q", login, r.Code, r.Stderr)
		}
	}
}

func bareUID(t *testing.T, e edge) {
	r := e.as(t, "4711", "id -u; id -g; pwd; echo $HOME; echo $USER; echo $SHELL")
	if r.Stdout != "4711\n0\n/\n/\n4711\n/bin/sh\n" || r.Code != 0 {
		t.Errorf("%+v", r)
	}
}

func uidAndGID(t *testing.T, e edge) {
	if r := e.as(t, "4711:2000", "id -u; id -G; touch /tmp/x && stat -c %u:%g /tmp/x; rm /tmp/x"); r.Stdout != "4711\n2000\n4711:2000\n" || r.Code != 0 {
		t.Errorf("%+v", r)
	}
}
