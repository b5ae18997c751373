// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/ports"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// testPuTTY is plink, psftp and pscp. They know host certificates since 0.78.
func testPuTTY(t *testing.T, f *fleet) {
	rig.NeedTool(t, "plink")
	home := f.puttyHome(t)
	putty := func(program string, args ...string) *exec.Cmd {
		c := f.command(program, append([]string{"-batch"}, args...)...)
		c.Env = append(c.Env, "HOME="+home)
		return c
	}
	t.Run("plink", func(t *testing.T) { f.each(t, func(t *testing.T, x *target) { f.plink(t, x, putty) }) })
	t.Run("psftp", func(t *testing.T) { f.each(t, func(t *testing.T, x *target) { f.psftp(t, x, putty) }) })
	t.Run("pscp", func(t *testing.T) { f.each(t, func(t *testing.T, x *target) { f.pscp(t, x, putty) }) })
	t.Run("the host key is verified", func(t *testing.T) { f.puttyKeys(t) })
}

// puttyHome has a saved session for each target, and the host authority, as the dialogue of PuTTY saves them.
func (f *fleet) puttyHome(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	save := func(name, content string) {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(home, ".putty", name)), 0o700))
		must(t, os.WriteFile(filepath.Join(home, ".putty", name), []byte(content), 0o600))
	}
	for _, x := range f.targets {
		save("sessions/"+x.alias, fmt.Sprintf("Protocol=ssh\nHostName=%s\nUserName=%s\nProxyMethod=5\nProxyTelnetCommand=%s\n",
			x.host, x.login, f.proxyCommand("%host")))
	}
	authority := strings.Fields(f.Switchyard(t, "known-hosts", "*"))[3]
	save("sshhostcas/switchyard", "PublicKey="+authority+"\nValidity=*\n")
	return home
}

type puttyCommand func(program string, args ...string) *exec.Cmd

func (f *fleet) plink(t *testing.T, x *target, putty puttyCommand) {
	if x.hasShell() {
		r := run(t, putty("plink", x.alias, "cat; id -u; echo it went wrong >&2; exit 7"), strings.NewReader("from here\n"))
		want := world.Result{Stdout: fmt.Sprintf("from here\n%d\n", x.uid), Stderr: "it went wrong\n", Code: 7}
		if r != want {
			t.Errorf("got %+v, want %+v", r, want)
		}
	} else {
		fails(t, putty("plink", x.alias, "/sleep 0"), 0)
		fails(t, putty("plink", x.alias, "/sleep word"), 1, "invalid number 'word'")
		fails(t, putty("plink", x.alias, "cat"), 127, x.missing("cat"))
	}
	local := fmt.Sprintf("127.0.0.1:%d", ports.Free(t))
	c := putty("plink", "-N", "-L", fmt.Sprintf("%s:127.0.0.1:%d", local, x.serve(t, echo)), x.alias)
	checkEcho(t, connect(t, background(t, c), "tcp", local))
	checkRemoteForward(t, x, func(forward string) *exec.Cmd { return putty("plink", "-N", "-R", forward, x.alias) })
	data := string(random(1 << 20))
	if r := run(t, putty("plink", "-nc", fmt.Sprintf("127.0.0.1:%d", x.serve(t, echo)), x.alias), strings.NewReader(data)); r.Stdout != data {
		t.Errorf("%d of %d bytes came back, stderr %q", len(r.Stdout), len(data), r.Stderr)
	}
}

func (f *fleet) psftp(t *testing.T, x *target, putty puttyCommand) {
	inside, outside := x.fresh(t)
	here := t.TempDir()
	script := filepath.Join(here, "script")
	must(t, os.WriteFile(script, []byte(strings.NewReplacer("@tree", quote(f.tree.dir), "@inside", inside, "@here", here).Replace(`
put -r @tree @inside/copy
get -r @inside/copy @here/back
cd @inside
mv copy/empty "not ""empty"""
chmod 600 "not ""empty"""
mkdir made
rmdir made
ls
`)), 0o600))
	ok(t, putty("psftp", "-b", script, x.alias))
	f.tree.check(t, here+"/back", times|modes|followed)
	must(t, os.Rename(outside+`/not "empty"`, outside+"/copy/empty"))
	f.tree.check(t, outside+"/copy", times|modes|followed)
	x.owned(t, outside)
}

func (f *fleet) pscp(t *testing.T, x *target, putty puttyCommand) {
	inside, outside := x.fresh(t)
	here := t.TempDir()
	name := filepath.Base(f.tree.dir)
	ok(t, putty("pscp", "-p", "-r", f.tree.dir, x.alias+":"+inside))
	f.tree.check(t, filepath.Join(outside, name), dirTimes|modes|followed|backslashed)
	x.owned(t, outside)
	must(t, os.Rename(filepath.Join(outside, name), outside+"/copy"))
	ok(t, putty("pscp", "-p", "-r", x.alias+":"+inside+"/copy", here))
	f.tree.check(t, here+"/copy", dirTimes|modes|followed|backslashed)
	if x == f.one("busybox-root") {
		ok(t, putty("pscp", f.big, x.alias+":"+inside+"/big"))
		f.checkBig(t, outside+"/big")
		ok(t, putty("pscp", x.alias+":"+inside+"/big", here))
		f.checkBig(t, here+"/big")
	}
}

// puttyKeys gives the host key on the command line, and a wrong one, and none.
func (f *fleet) puttyKeys(t *testing.T) {
	with := func(args ...string) *exec.Cmd {
		args = append([]string{"-batch", "-proxycmd", f.proxyCommand("%host"), "-l", "root"}, args...)
		c := f.command("plink", append(args, "busybox", "echo hello")...)
		c.Env = append(c.Env, "HOME="+t.TempDir())
		return c
	}
	if got := ok(t, with("-hostkey", fingerprint(t, f.one("busybox-root").box.Record(t).HostKey))); got != "hello\n" {
		t.Errorf("got %q", got)
	}
	other := fingerprint(t, f.one("debian-root").box.Record(t).HostKey)
	fails(t, with("-hostkey", other), 1, "Host key not in manually configured list")
	fails(t, with(), 1, "host key is not cached")
}
