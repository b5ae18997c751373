// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/rig"
)

// pythonTarget is what the scripts in testdata know of their target.
type pythonTarget struct {
	Host       string `json:"host"`
	Login      string `json:"login"`
	UID        int    `json:"uid"`
	Shell      bool   `json:"shell"`
	Proxy      string `json:"proxy"`
	KnownHosts string `json:"known_hosts"`
	Dir        string `json:"dir"`  // of the target, empty
	Here       string `json:"here"` // a path to copy to
	File       string `json:"file"`
	Tree       string `json:"tree"`
	Far        int64  `json:"far"`  // where a sparse file has its second word
	Echo       int    `json:"echo"` // a port of 127.0.0.1 in the container
	HereSocket string `json:"here_socket"`
}

// python runs a client's script, which must say that these checks held.
func (f *fleet) python(t *testing.T, x *target, module, knownHosts string, checks ...string) (outside, here string) {
	t.Helper()
	inside, outside := x.fresh(t)
	here = filepath.Join(t.TempDir(), "back")
	about, err := json.Marshal(pythonTarget{
		Host: x.host, Login: x.login, UID: x.uid, Shell: x.hasShell(), Proxy: f.proxyCommand(x.host), KnownHosts: knownHosts,
		Dir: inside, Here: here, File: filepath.Join(f.tree.dir, "medium"), Tree: f.tree.dir, Far: sparseTail,
		Echo: x.serve(t, echo), HereSocket: filepath.Join(shortDir(t), "s"),
	})
	must(t, err)
	script, err := filepath.Abs("testdata/" + module + "_client.py")
	must(t, err)
	r := run(t, f.command(rig.NeedPython(t, module), "-W", "ignore", "-B", script), bytes.NewReader(about))
	if want := "ok " + strings.Join(checks, "\nok ") + "\n"; r.Code != 0 || r.Stdout != want {
		t.Errorf("exit code %d, got %q, want %q, stderr %s", r.Code, r.Stdout, want, r.Stderr)
	}
	checkSparse(t, outside+"/sparse", []byte("head"), []byte("tail"))
	x.owned(t, outside)
	return outside, here
}

// testParamiko is paramiko, which knows no host certificates.
func testParamiko(t *testing.T, f *fleet) {
	known := f.knownKeys(t, filepath.Join(t.TempDir(), "known_hosts"))
	f.each(t, func(t *testing.T, x *target) {
		outside, _ := f.python(t, x, "paramiko", known, "commands", "signals", "terminals", "sftp", "forwards")
		f.same(t, outside+"/it's \"odd\" ünd 日本.bin", filepath.Join(f.tree.dir, "medium"))
		if got := readFile(t, outside+"/edited"); got != "0123xx67" {
			t.Errorf("the edited file holds %q", got)
		}
	})
}

// testAsyncSSH is asyncssh, which reads OpenSSH's known_hosts with its authorities.
func testAsyncSSH(t *testing.T, f *fleet) {
	f.each(t, func(t *testing.T, x *target) {
		outside, here := f.python(t, x, "asyncssh", filepath.Join(f.Dir, "known_hosts"),
			"commands", "signals", "terminals", "sftp", "forwards")
		f.tree.check(t, outside+"/copy", dirTimes|followed)
		f.tree.check(t, here, dirTimes|followed)
	})
}
