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

// testRsync is rsync, which needs itself in the image.
func testRsync(t *testing.T, f *fleet) {
	rig.NeedTool(t, "rsync")
	f.each(t, f.rsync, rig.Debian)
	t.Run("without rsync in the image", func(t *testing.T) { f.each(t, f.rsyncMissing, rig.Busybox, rig.Scratch) })
}

func (f *fleet) rsyncCommand(t *testing.T, from, to string) {
	t.Helper()
	ok(t, f.command("rsync", "-a", "--delete", "--checksum", "-e", "ssh -F "+f.config(), from, to))
}

// rsync synchronises each way with a copy that has a file too many and one that only its checksum tells
// from the original.
func (f *fleet) rsync(t *testing.T, x *target) {
	inside, outside := x.fresh(t)
	there, here := outside+"/a copy", filepath.Join(t.TempDir(), "back")
	f.rsyncCommand(t, f.tree.dir+"/", x.alias+":"+inside+"/a copy/")
	f.tree.check(t, there, 0)
	x.owned(t, outside)
	spoil(t, there)
	f.rsyncCommand(t, f.tree.dir+"/", x.alias+":"+inside+"/a copy/")
	f.tree.check(t, there, 0)
	f.rsyncCommand(t, x.alias+":"+inside+"/a copy/", here+"/")
	spoil(t, here)
	f.rsyncCommand(t, x.alias+":"+inside+"/a copy/", here+"/")
	f.tree.check(t, here, 0)
	if x.uid == 0 {
		f.rsyncCommand(t, f.big, x.alias+":"+inside+"/big")
		f.checkBig(t, outside+"/big")
		f.rsyncCommand(t, x.alias+":"+inside+"/big", here)
		f.checkBig(t, here+"/big")
	}
}

// spoil adds a file, and changes one without changing its size and time.
func spoil(t *testing.T, copied string) {
	t.Helper()
	must(t, os.WriteFile(copied+"/too many", nil, 0o644))
	name := copied + "/plain.txt"
	contents, err := os.ReadFile(name)
	must(t, err)
	contents[0]++
	must(t, os.WriteFile(name, contents, 0o644))
	must(t, os.Chtimes(name, old, old))
}

// rsyncMissing takes either exit code: rsync's own is 127 if it finds that ssh has ended by then, else 12.
func (f *fleet) rsyncMissing(t *testing.T, x *target) {
	inside, _ := x.fresh(t)
	r := run(t, f.command("rsync", "-a", "-e", "ssh -F "+f.config(), f.tree.dir+"/", x.alias+":"+inside), nil)
	if r.Code != 127 && r.Code != 12 || !strings.Contains(r.Stderr, x.missing("rsync")) {
		t.Errorf("%+v", r)
	}
}
