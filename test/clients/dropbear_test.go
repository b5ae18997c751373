// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
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

// testDropbear is dbclient. It knows no host certificates and reads ~/.ssh/known_hosts only.
func testDropbear(t *testing.T, f *fleet) {
	rig.NeedTool(t, "dbclient")
	home := t.TempDir()
	f.knownKeys(t, filepath.Join(home, ".ssh", "known_hosts"))
	dropbear := func(x *target, args ...string) *exec.Cmd {
		args = append([]string{"-J", f.proxyCommand(x.host), "-l", x.login}, args...)
		c := f.command("dbclient", args...)
		c.Env = append(c.Env, "HOME="+home)
		return c
	}
	t.Run("commands", func(t *testing.T) { f.each(t, func(t *testing.T, x *target) { dropbearCommands(t, x, dropbear) }) })
	t.Run("-L and -R", func(t *testing.T) { f.each(t, func(t *testing.T, x *target) { dropbearForwards(t, x, dropbear) }) })
	t.Run("a pipe keeps every byte", func(t *testing.T) {
		f.each(t, func(t *testing.T, x *target) { f.dropbearPipe(t, x, dropbear) }, rig.Busybox, rig.Debian)
	})
	t.Run("another host key is refused", func(t *testing.T) {
		x, other := f.one("scratch-root"), f.one("busybox-root")
		must(t, os.WriteFile(filepath.Join(home, ".ssh", "known_hosts"), []byte(x.host+" "+other.box.Record(t).HostKey+"\n"), 0o600))
		fails(t, dropbear(x, x.host, "/sleep 0"), 1, "host key mismatch", fingerprint(t, x.box.Record(t).HostKey))
	})
}

type dropbearCommand func(x *target, args ...string) *exec.Cmd

func dropbearCommands(t *testing.T, x *target, dropbear dropbearCommand) {
	if !x.hasShell() {
		fails(t, dropbear(x, x.host, "/sleep 0"), 0)
		fails(t, dropbear(x, x.host, "/sleep word"), 1, "invalid number 'word'")
		fails(t, dropbear(x, x.host, "cat"), 127, x.missing("cat"))
		return
	}
	r := run(t, dropbear(x, x.host, "cat; id -u; echo it went wrong >&2; exit 7"), strings.NewReader("from here\n"))
	want := world.Result{Stdout: fmt.Sprintf("from here\n%d\n", x.uid), Stderr: "it went wrong\n", Code: 7}
	if r != want {
		t.Errorf("got %+v, want %+v", r, want)
	}
}

func dropbearForwards(t *testing.T, x *target, dropbear dropbearCommand) {
	local := fmt.Sprintf("127.0.0.1:%d", ports.Free(t))
	c := dropbear(x, "-N", "-L", fmt.Sprintf("%s:127.0.0.1:%d", local, x.serve(t, echo)), x.host)
	checkEcho(t, connect(t, background(t, c), "tcp", local))
	checkRemoteForward(t, x, func(forward string) *exec.Cmd { return dropbear(x, "-N", "-R", forward, x.host) })
}

func (f *fleet) dropbearPipe(t *testing.T, x *target, dropbear dropbearCommand) {
	inside, outside := x.fresh(t)
	source := filepath.Join(f.tree.dir, "medium")
	if r := run(t, dropbear(x, x.host, "cat >"+inside+"/copy"), openFile(t, source)); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	f.same(t, outside+"/copy", source)
	got := ok(t, dropbear(x, x.host, "cat "+inside+"/copy"))
	want, err := os.ReadFile(source)
	must(t, err)
	if !bytes.Equal([]byte(got), want) {
		t.Errorf("%d of %d bytes came back", len(got), len(want))
	}
}
