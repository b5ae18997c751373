// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"testing"

	"switchyard/sshd"
)

func TestTheEmptyLoginIsWhoWeAre(t *testing.T) {
	a, err := target().Account(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	if int(a.UID) != os.Geteuid() || a.Home == "" || a.Shell == "" {
		t.Errorf("we are %+v", a)
	}
}

func TestALoginThatIsNoneIsANoLoginError(t *testing.T) {
	for _, login := range []string{"no-such-login", "-1", "0:", "root:root", "a\nb", "4294967295"} {
		_, err := target().Account(context.Background(), login)
		var none *sshd.NoLoginError
		if !errors.As(err, &none) || none.Login != login || none.Target != "the test machine" {
			t.Errorf("login %q: the error is %v, need a NoLoginError", login, err)
		}
	}
}

func TestARootRunnerBecomesTheLogin(t *testing.T) {
	needRoot(t)
	for login, want := range map[string]string{
		"nobody":      idOf(t, "nobody"),
		"daemon":      idOf(t, "daemon"),
		"54321":       "54321 0 0",
		"54321:54322": "54321 54322 54322",
	} {
		t.Run(login, func(t *testing.T) {
			r := start(t, target(), sshd.Command{Account: lookUp(t, login), Line: "echo $(id -u) $(id -g) $(id -G)"})
			r.expect(want)
			r = start(t, target(), sshd.Command{Account: lookUp(t, login), Pty: &sshd.Pty{},
				Line: "stat -c %u $(tty); exec 3<>$(tty) && echo opened"})
			r.expect(strings.Fields(want)[0])
			r.expect("opened")
		})
	}
}

// idOf is what id -u, -g and -G say of a login.
func idOf(t *testing.T, login string) string {
	t.Helper()
	u, err := user.Lookup(login)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := u.GroupIds()
	if err != nil {
		t.Fatal(err)
	}
	return u.Uid + " " + u.Gid + " " + strings.Join(groups, " ")
}

func TestAChildOfAnotherUserCannotRegainWhatWeAre(t *testing.T) {
	needRoot(t)
	r := start(t, target(), sshd.Command{Account: lookUp(t, "nobody"), Line: "grep -E '^(Uid|Gid|CapPrm|CapEff)' /proc/self/status"})
	for range 2 {
		if f := strings.Fields(r.line()); slices.Contains(f, "0") {
			t.Errorf("an id of root is left: %q", f)
		}
	}
	for range 2 {
		if f := strings.Fields(r.line()); strings.Trim(f[1], "0") != "" {
			t.Errorf("capabilities are left: %q", f)
		}
	}
}

func TestEndReachesProcessesOfAnotherUser(t *testing.T) {
	needRoot(t)
	r := start(t, target(), sshd.Command{Account: lookUp(t, "nobody"), Line: "sleep 1000 & echo $!; wait"})
	pid := r.pidLine()
	r.end()
	if running(pid) {
		t.Errorf("process %d is left", pid)
	}
}

func TestOnlyRootBecomesSomebodyElse(t *testing.T) {
	if os.Geteuid() == 0 {
		asNobody(t, "TestOnlyRootBecomesSomebodyElse")
		return
	}
	for _, login := range []string{"root", "0", "54321", strconv.Itoa(os.Geteuid()) + ":0"} {
		_, err := target().Account(context.Background(), login)
		if err == nil || !strings.Contains(err.Error(), "run it as root") {
			t.Errorf("login %q: the error is %v, need the way out", login, err)
		}
	}
	root := sshd.Account{Name: "root", User: "root", Home: "/", Shell: "/bin/sh"}
	if _, err := target().Start(context.Background(), sshd.Command{Account: root, Line: "true"}); err == nil {
		t.Error("a process was started as root")
	}
	r := script(t, "id -u")
	r.expect(strconv.Itoa(os.Geteuid()))
}

func TestAccountsWithoutHomeOrShellGetTheDefaults(t *testing.T) {
	needRoot(t)
	a, err := target().Account(context.Background(), "54321")
	if err != nil {
		t.Fatal(err)
	}
	want := sshd.Account{Name: "54321", User: "54321", UID: 54321, Home: "/", Shell: "/bin/sh"}
	if a != want {
		t.Errorf("the account is %+v, need %+v", a, want)
	}
}

func TestTheSearchPathOfRootHasTheSystemsPrograms(t *testing.T) {
	if !strings.Contains(searchPath(sshd.Account{UID: 0}), "/sbin") || strings.Contains(searchPath(sshd.Account{UID: 1}), "/sbin") {
		t.Error("only root's search path has /sbin")
	}
}
