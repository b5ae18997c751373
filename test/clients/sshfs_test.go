// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"os"
	"path/filepath"
	"testing"

	"switchyard/test/rig"
)

// testSSHFS mounts directories of the containers.
func testSSHFS(t *testing.T, f *fleet) {
	rig.NeedTool(t, "sshfs")
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there is no FUSE: ", err)
	}
	fuse.Close()
	f.each(t, f.sshfs)
}

// sshfs writes by one mount and reads by another, which has nothing in its caches.
func (f *fleet) sshfs(t *testing.T, x *target) {
	inside, outside := x.fresh(t)
	writing, reading := t.TempDir(), t.TempDir()
	f.mount(t, x.alias+":"+inside, writing)
	ok(t, f.command("cp", "-r", "--preserve=mode,timestamps,links", f.tree.dir, writing+"/copy"))
	must(t, os.Rename(writing+"/copy/private", writing+"/copy/plain.txt")) // over a file that is there
	must(t, os.Remove(writing+"/copy/empty"))
	must(t, os.Truncate(writing+"/copy/medium", 1<<20))
	f.mount(t, x.alias+":"+inside, reading)
	x.owned(t, outside)
	checkEdited(t, f, outside+"/copy")
	checkEdited(t, f, reading+"/copy")
	if x == f.one("debian-root") {
		ok(t, f.command("cp", f.big, writing))
		f.checkBig(t, filepath.Join(reading, filepath.Base(f.big)))
	}
}

// checkEdited compares with the tree as sshfs has changed it.
func checkEdited(t *testing.T, f *fleet, copied string) {
	t.Helper()
	want, got := f.tree.content.without(dirTimes), manifestOf(t, copied).without(dirTimes)
	want["plain.txt"] = want["private"]
	delete(want, "private")
	delete(want, "empty")
	medium, cut := want["medium"], got["medium"]
	info, err := os.Stat(copied + "/medium")
	must(t, err)
	if medium.sum == cut.sum || info.Size() != 1<<20 {
		t.Errorf("the cut file has %d bytes", info.Size())
	}
	want["medium"] = cut
	checkSame(t, got, want)
}

func (f *fleet) mount(t *testing.T, remote, local string) {
	t.Helper()
	ok(t, f.command("sshfs", "-F", f.config(), remote, local))
	t.Cleanup(func() { ok(t, f.command("fusermount3", "-u", local)) })
}
