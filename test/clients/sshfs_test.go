// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/rig"
)

// testSSHFS mounts directories of the containers.
func testSSHFS(t *testing.T, f *fleet) {
	rig.NeedTool(t, "sshfs")
	needFUSE(t)
	f.each(t, f.sshfs)
}

func needFUSE(t *testing.T) {
	t.Helper()
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there is no FUSE: ", err)
	}
	fuse.Close()
}

// sshfs writes by one mount and reads by another, which has nothing in its caches.
func (f *fleet) sshfs(t *testing.T, x *target) {
	inside, outside := x.fresh(t)
	writing, reading := t.TempDir(), t.TempDir()
	f.mount(t, x.alias+":"+inside, writing)
	ok(t, f.command("cp", "-r", "--preserve=mode,links", f.tree.dir, writing+"/copy"))
	copyTimes(t, f.tree.dir, writing+"/copy")
	must(t, os.Rename(writing+"/copy/private", writing+"/copy/plain.txt")) // over a file that is there
	must(t, os.Remove(writing+"/copy/empty"))
	must(t, os.Truncate(writing+"/copy/medium", cutSize))
	f.mount(t, x.alias+":"+inside, reading)
	x.owned(t, outside)
	checkEdited(t, f, outside+"/copy")
	checkEdited(t, f, reading+"/copy")
	if x == f.one("debian-root") {
		ok(t, f.command("cp", f.big, writing))
		f.checkBig(t, filepath.Join(outside, filepath.Base(f.big)))
		f.checkBig(t, filepath.Join(reading, filepath.Base(f.big)))
	}
}

// copyTimes gives files the times of others. cp would want to give them to symbolic links, too, which sshfs cannot:
// the protocol's SETSTAT follows them, to where there may be nothing yet.
func copyTimes(t *testing.T, from, to string) {
	t.Helper()
	must(t, filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.Chtimes(to+strings.TrimPrefix(path, from), info.ModTime(), info.ModTime())
	}))
}

// checkEdited compares with the tree as sshfs has changed it.
func checkEdited(t *testing.T, f *fleet, copied string) {
	t.Helper()
	want, got := f.tree.content.without(dirTimes), manifestOf(t, copied).without(dirTimes)
	want["plain.txt"] = want["private"]
	delete(want, "private")
	delete(want, "empty")
	medium := want["medium"]
	medium.sum, medium.time = f.cutSum(t, "medium"), got["medium"].time // cutting it changes that
	want["medium"] = medium
	checkSame(t, got, want)
}

// cutSize is what is left of the file that is cut.
const cutSize = 1 << 20

// cutSum is the checksum of a file of the tree once it is cut.
func (f *fleet) cutSum(t *testing.T, name string) string {
	t.Helper()
	whole := readFile(t, filepath.Join(f.tree.dir, name))
	cut := sha256.Sum256([]byte(whole[:cutSize]))
	return hex.EncodeToString(cut[:])
}

func (f *fleet) mount(t *testing.T, remote, local string) {
	t.Helper()
	ok(t, f.command("sshfs", "-F", f.config(), remote, local))
	t.Cleanup(func() { ok(t, f.command("fusermount3", "-u", local)) })
}
