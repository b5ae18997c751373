// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/rig"
)

// testSCP is OpenSSH's scp, in the way of today, by sftp, and in that of before 9.0, by scp in the image.
//
// By sftp it fails at links to directories in a tree that it sends (OpenSSH 9.2), before it asks us for anything.
// In the image it wants the login to be in the passwd file.
func testSCP(t *testing.T, f *fleet) {
	t.Run("by sftp", func(t *testing.T) {
		f.each(t, func(t *testing.T, x *target) { f.scp(t, x, f.plain, x == f.one("scratch-root")) })
	})
	t.Run("-O", func(t *testing.T) {
		f.each(t, func(t *testing.T, x *target) {
			if x.uid == noPasswd {
				fails(t, f.command("scp", "-F", f.config(), "-O", f.big, x.alias+":"+x.dir()), 1, "unknown user 4711")
				return
			}
			f.scp(t, x, f.tree, x == f.one("debian-root"), "-O")
		}, rig.Debian)
	})
	t.Run("-O without scp in the image", func(t *testing.T) { f.each(t, f.scpMissing, rig.Busybox, rig.Scratch) })
}

// scp copies a tree there and back, and the big file if wanted. It follows links.
func (f *fleet) scp(t *testing.T, x *target, r *tree, big bool, options ...string) {
	inside, outside := x.fresh(t)
	here := t.TempDir()
	copies := func(from, to string) {
		t.Helper()
		ok(t, f.command("scp", append(append([]string{"-F", f.config(), "-rp"}, options...), from, to)...))
	}
	copies(r.dir, x.alias+":"+inside+"/copy")
	r.check(t, outside+"/copy", followed)
	x.owned(t, outside)
	copies(x.alias+":"+inside+"/copy", here)
	r.check(t, filepath.Join(here, "copy"), followed)
	if big {
		copies(f.big, x.alias+":"+inside)
		f.checkBig(t, outside+"/"+filepath.Base(f.big))
		copies(x.alias+":"+inside+"/big*", here)
		f.checkBig(t, filepath.Join(here, filepath.Base(f.big)))
	}
}

func (f *fleet) scpMissing(t *testing.T, x *target) {
	inside, _ := x.fresh(t)
	fails(t, f.command("scp", "-F", f.config(), "-O", f.big, x.alias+":"+inside), 1, x.missing("scp"))
}

// testSFTP is OpenSSH's sftp with a batch.
func testSFTP(t *testing.T, f *fleet) { f.each(t, f.sftp) }

// sftp says in its batch what a user types. It leaves links out.
func (f *fleet) sftp(t *testing.T, x *target) {
	inside, outside := x.fresh(t)
	here := t.TempDir()
	batch := strings.NewReplacer("@inside", inside, "@tree", quote(f.tree.dir), "@here", here).Replace(`
put -Rp @tree @inside/copy
get -Rp @inside/copy @here/back
cd @inside
put @tree/empty "a \"quoted\" name"
rename "a \"quoted\" name" renamed
chmod 640 renamed
symlink renamed soft
ln renamed hard
mkdir made
rmdir made
put @tree/plain.txt gone
rm gone
df
ls -l renamed
`)
	c := f.command("sftp", "-F", f.config(), "-b", "-", x.alias)
	r := run(t, c, strings.NewReader(batch))
	if r.Code != 0 || !strings.Contains(r.Stdout, "-rw-r-----") {
		t.Fatalf("%+v", r)
	}
	f.tree.check(t, outside+"/copy", links)
	f.tree.check(t, here+"/back", links)
	x.owned(t, outside)
	checkSFTPEffects(t, outside)
	if x == f.one("busybox-root") {
		r := run(t, f.command("sftp", "-F", f.config(), "-b", "-", x.alias), strings.NewReader("put "+quote(f.big)+" "+inside+"/big\nget "+inside+"/big "+here))
		if r.Code != 0 {
			t.Fatalf("%+v", r)
		}
		f.checkBig(t, outside+"/big")
		f.checkBig(t, here+"/big")
	}
	fails(t, f.command("sftp", "-F", f.config(), x.alias+":"+inside+"/gone", here), 1, "not found")
}

func checkSFTPEffects(t *testing.T, outside string) {
	t.Helper()
	soft, err := os.Readlink(outside + "/soft")
	if soft != "renamed" || err != nil {
		t.Errorf("the link leads to %q, %v", soft, err)
	}
	renamed, err := os.Stat(outside + "/renamed")
	must(t, err)
	hard, err := os.Stat(outside + "/hard")
	if err != nil || !os.SameFile(renamed, hard) || renamed.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v, %v", renamed.Mode(), hard, err)
	}
	for _, name := range []string{"made", "gone"} {
		if _, err := os.Stat(outside + "/" + name); !os.IsNotExist(err) {
			t.Errorf("%s is there: %v", name, err)
		}
	}
}

// quote makes a word of sftp's batches and of lftp's scripts.
func quote(word string) string { return `"` + strings.ReplaceAll(word, `"`, `\"`) + `"` }
