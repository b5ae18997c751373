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

	"switchyard/test/rig"
)

// testAnsible is Ansible by OpenSSH's ssh, which needs Python in the image for all but its module raw.
func testAnsible(t *testing.T, f *fleet) {
	rig.NeedTool(t, "ansible-playbook")
	for _, pipelining := range []string{"True", "False"} {
		t.Run("a playbook with pipelining "+pipelining, func(t *testing.T) { f.playbook(t, pipelining) })
	}
	t.Run("raw", func(t *testing.T) { f.ansibleRaw(t) })
	t.Run("without Python in the image", func(t *testing.T) { f.ansibleMissing(t) })
}

// ansible prepares a run in an environment of its own.
func (f *fleet) ansible(t *testing.T, program, inventory string, args ...string) *exec.Cmd {
	t.Helper()
	c := f.command(program, append([]string{"-i", inventory}, args...)...)
	home := t.TempDir()
	config := "[ssh_connection]\nssh_args = -F " + f.config() + " -o ControlMaster=auto -o ControlPersist=10s\ncontrol_path_dir = " + shortDir(t)
	must(t, os.WriteFile(home+"/ansible.cfg", []byte(config+"\n"), 0o600))
	c.Env = append(c.Env, "HOME="+home, "ANSIBLE_CONFIG="+home+"/ansible.cfg", "LC_ALL=C.UTF-8")
	return c
}

// inventory is a file of targets.
func inventory(t *testing.T, targets []*target, group string, variables func(*target) string) string {
	t.Helper()
	lines := []string{"[" + group + "]"}
	for _, x := range targets {
		lines = append(lines, fmt.Sprintf("%s ansible_python_interpreter=/usr/bin/python3 ansible_remote_tmp=%s/tmp uid=%d %s",
			x.alias, x.dir(), x.uid, variables(x)))
	}
	name := filepath.Join(t.TempDir(), "inventory")
	must(t, os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return name
}

func (f *fleet) playbook(t *testing.T, pipelining string) {
	here, outside := t.TempDir(), map[*target]string{}
	hosts := inventory(t, f.of(rig.Debian), "debian", func(x *target) string {
		inside, out := x.fresh(t)
		outside[x] = out
		return "dir=" + inside
	})
	play, err := filepath.Abs("testdata/playbook.yml")
	must(t, err)
	c := f.ansible(t, "ansible-playbook", hosts, "-e", "tree='"+f.tree.dir+"' here="+here, play)
	c.Env = append(c.Env, "ANSIBLE_PIPELINING="+pipelining)
	ok(t, c)
	for x, copied := range outside {
		f.checkPlayed(t, x, copied)
		if got, want := sum(t, filepath.Join(here, x.alias)), f.tree.content["medium"].sum; got != want {
			t.Errorf("%s: what was fetched has checksum %s, want %s", x.alias, got, want)
		}
	}
}

// checkPlayed compares what the playbook has made.
func (f *fleet) checkPlayed(t *testing.T, x *target, copied string) {
	t.Helper()
	got, want := manifestOf(t, copied).without(times), manifest{}
	template := "from a template"
	for name, mode := range map[string]os.FileMode{`it's "quoted".txt`: 0o644, "ünïcödé-日本語-😀.txt": 0o640, "medium": 0o600} {
		e := f.tree.content[name]
		e.mode, e.time = mode, 0
		want[name] = e
	}
	want[template] = got[template]
	checkSame(t, got, want)
	text := readFile(t, filepath.Join(copied, template))
	if text != `wörd with "quotes" and 'more' for `+x.alias+": 0,1,2,\n" {
		t.Errorf("%s: the template has become %q", x.alias, text)
	}
	x.owned(t, copied)
}

// ansibleCopy copies a file by the module copy, with pipelining.
func (f *fleet) ansibleCopy(t *testing.T, x *target) {
	rig.NeedTool(t, "ansible")
	inside, outside := x.fresh(t)
	hosts := inventory(t, []*target{x}, "debian", func(*target) string { return "" })
	c := f.ansible(t, "ansible", hosts, "all", "-m", "copy", "-a", "src='"+f.tree.dir+"/medium' mode=0600 dest="+inside+"/copy")
	c.Env = append(c.Env, "ANSIBLE_PIPELINING=True")
	ok(t, c)
	f.same(t, outside+"/copy", filepath.Join(f.tree.dir, "medium"))
	x.owned(t, outside)
}

// ansibleRaw runs a command by what the image has.
func (f *fleet) ansibleRaw(t *testing.T) {
	none := func(*target) string { return "" }
	out := ok(t, f.ansible(t, "ansible", inventory(t, f.of(rig.Busybox), "busybox", none), "all", "-o", "-m", "raw", "-a", "echo it is $(id -u) | tr a-z A-Z"))
	for _, l := range logins {
		if want := fmt.Sprintf("busybox-%s | CHANGED | rc=0 | (stdout) IT IS %d", l.name, l.uid); !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
	ok(t, f.ansible(t, "ansible", inventory(t, f.of(rig.Scratch), "scratch", none), "all", "-m", "raw", "-a", "/sleep 0"))
}

func (f *fleet) ansibleMissing(t *testing.T) {
	none := func(*target) string { return "" }
	fails(t, f.ansible(t, "ansible", inventory(t, f.of(rig.Busybox), "busybox", none), "all", "-m", "ping"), 2, "/usr/bin/python3: not found")
	fails(t, f.ansible(t, "ansible", inventory(t, f.of(rig.Scratch), "scratch", none), "all", "-m", "ping"), 4, "exited with result 127")
}
