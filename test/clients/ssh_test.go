// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// testSSH is OpenSSH's ssh: commands, pipes, and many sessions on one connection.
func testSSH(t *testing.T, f *fleet) {
	t.Run("commands", func(t *testing.T) { f.each(t, f.sshCommands) })
	t.Run("a pipe keeps every byte", func(t *testing.T) { f.each(t, f.sshPipe, rig.Busybox, rig.Debian) })
	t.Run("ControlMaster", func(t *testing.T) { f.each(t, f.sshControlMaster) })
}

// sshCommands holds ssh to the exit code, the streams and the login of a command.
func (f *fleet) sshCommands(t *testing.T, x *target) {
	if !x.hasShell() {
		fails(t, f.ssh(x.alias, "/sleep", "0"), 0)
		fails(t, f.ssh(x.alias, "/sleep", "'a word'"), 1, "invalid number 'a word'")
		fails(t, f.ssh(x.alias, "cat /etc/passwd"), 127, `"cat"`)
		fails(t, f.ssh(x.alias, "/sleep 0; /sleep 0"), 127, "shell")
		return
	}
	r := run(t, f.ssh(x.alias, "cat; id -u; echo it went wrong >&2; exit 7"), strings.NewReader("from here\n"))
	want := world.Result{Stdout: fmt.Sprintf("from here\n%d\n", x.uid), Stderr: "it went wrong\n", Code: 7}
	if r != want {
		t.Errorf("got %+v, want %+v", r, want)
	}
}

func (f *fleet) sshPipe(t *testing.T, x *target) {
	inside, outside := x.fresh(t)
	source := f.source(x)
	c := f.ssh(x.alias, "cat > '"+inside+"/a copy'")
	if r := run(t, c, openFile(t, source)); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	f.same(t, outside+"/a copy", source)
	x.owned(t, outside)
	back := filepath.Join(t.TempDir(), "back")
	must(t, os.WriteFile(back, []byte(ok(t, f.ssh(x.alias, "cat '"+inside+"/a copy'"))), 0o600))
	f.same(t, back, source)
}

// source is the file to transfer: root's is the big one.
func (f *fleet) source(x *target) string {
	if x == f.one("busybox-root") {
		return f.big
	}
	return filepath.Join(f.tree.dir, "medium")
}

func (f *fleet) same(t *testing.T, file, source string) {
	t.Helper()
	want := f.bigSum
	if source != f.big {
		want = sum(t, source)
	}
	if got := sum(t, file); got != want {
		t.Errorf("the copy of %s has checksum %s, want %s", source, got, want)
	}
}

func openFile(t *testing.T, name string) *os.File {
	t.Helper()
	r, err := os.Open(name)
	must(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

// master starts a connection that others share, and returns the arguments of those.
func (f *fleet) master(t *testing.T, x *target) []string {
	t.Helper()
	dir := shortDir(t)
	control := []string{"-F", f.config(), "-o", "ControlPath=" + dir + "/s"}
	c := f.command("ssh", append(control, "-o", "ControlMaster=yes", "-N", x.alias)...)
	var log world.Log
	c.Stderr = &log
	must(t, c.Start())
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	rig.Eventually(t, deadline, func() (bool, string) {
		_, err := os.Stat(dir + "/s")
		return err == nil, log.String()
	})
	return control
}

// sshControlMaster opens twenty sessions on one connection, all of them there at once.
func (f *fleet) sshControlMaster(t *testing.T, x *target) {
	control := f.master(t, x)
	marker := strconv.Itoa(900000 + x.uid)
	command := "/sleep " + marker
	if x.hasShell() {
		command = ": " + marker + "; read line; echo got $line; exit 3"
	}
	var sessions []*session
	for range 20 {
		sessions = append(sessions, startSession(t, f.command("ssh", append(control, x.alias, command)...)))
	}
	rig.Eventually(t, deadline, func() (bool, string) {
		n := x.count(t, marker)
		return n == len(sessions), fmt.Sprint(n, " of them run; they say ", said(sessions))
	})
	if !x.hasShell() {
		f.endOnMaster(t, x, control, marker, sessions)
		return
	}
	for i, s := range sessions {
		s.checkAnswer(t, strconv.Itoa(i))
	}
}

// endOnMaster holds what the one program of scratch can say by a master that is in use to its stream and exit code,
// as those of others, and then ends the sessions.
func (f *fleet) endOnMaster(t *testing.T, x *target, control []string, marker string, sessions []*session) {
	t.Helper()
	for i := range 3 {
		word := fmt.Sprint("word", i)
		r := run(t, f.command("ssh", append(control, x.alias, "/sleep", word)...), nil)
		if r.Code != 1 || r.Stdout != "" || strings.TrimSpace(r.Stderr) != "sleep: invalid number '"+word+"'" {
			t.Errorf("of %q by the master: %+v", word, r)
		}
	}
	if r := run(t, f.command("ssh", append(control, x.alias, "/sleep", "0")...), nil); r != (world.Result{}) {
		t.Errorf("of a program that succeeds by the master: %+v", r)
	}
	if n := x.count(t, marker); n != len(sessions) {
		t.Errorf("%d sessions are left of %d", n, len(sessions))
	}
	x.kill(t, marker)
	for _, s := range sessions { // a signal, for which ssh has one exit code
		s.cmd.Wait()
		if code := s.cmd.ProcessState.ExitCode(); code != 255 || s.stdout.String() != "" {
			t.Errorf("of a program that was killed: exit code %d, stdout %q, stderr %q", code, s.stdout.String(), s.stderr.String())
		}
	}
	ok(t, f.command("ssh", append(control, "-O", "check", x.alias)...))
}
