// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/test/rig"
)

const (
	sparseTail = 4<<30 + 12345 // where the data behind the hole begins: an offset that 32 bits do not hold
	sparseData = 1 << 20       // bytes of data before the hole, and as many behind it
)

// sparseParts are the data of a sparse file.
func sparseParts() (head, tail []byte) {
	data := random(2 * sparseData)
	return data[:sparseData], data[sparseData:]
}

// makeSparse makes a file that has more than 4 GiB and takes 2 MiB.
func makeSparse(t *testing.T) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "sparse")
	file, err := os.Create(name)
	must(t, err)
	defer file.Close()
	head, tail := sparseParts()
	_, err = file.WriteAt(head, 0)
	must(t, err)
	_, err = file.WriteAt(tail, sparseTail)
	must(t, err)
	return name
}

// cut makes a copy of the file that ends in the hole, where a transfer may have broken off.
func cut(t *testing.T, name string, uid int) {
	t.Helper()
	head, _ := sparseParts()
	must(t, os.WriteFile(name, head, 0o644))
	must(t, os.Truncate(name, sparseTail-1))
	must(t, os.Chown(name, uid, 100))
}

// checkSparse compares a file without reading the hole: nothing but data is allocated, so that the rest is zeros.
func checkSparse(t *testing.T, name string, head, tail []byte) {
	t.Helper()
	file, err := os.Open(name)
	must(t, err)
	defer file.Close()
	must(t, file.Sync()) // from then on the blocks are those of the disk
	info, err := file.Stat()
	must(t, err)
	size, data := int64(sparseTail+len(tail)), int64(len(head)+len(tail))
	if got := allocated(t, name); info.Size() != size || got < data || got > data+1<<20 {
		t.Errorf("%s: %d bytes, of which %d are allocated, want %d and %d", name, info.Size(), got, size, data)
	}
	checkAt(t, file, 0, head)
	checkAt(t, file, sparseTail, tail)
}

func checkAt(t *testing.T, file *os.File, at int64, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := file.ReadAt(got, at)
	if !bytes.Equal(got, want) {
		t.Errorf("%s: other data at %d: %d bytes, %v", file.Name(), at, n, err)
	}
}

// testSparse moves what lies beyond 4 GiB, and looks at what a file takes on the disk: where a client leaves gaps, or
// has the server copy them, they stay holes.
func testSparse(t *testing.T, f *fleet) {
	source := makeSparse(t)
	head, tail := sparseParts()
	checkSparse(t, source, head, tail)
	x := f.one("scratch-alice")
	t.Run("sftp", func(t *testing.T) { f.sparseSFTP(t, x, source) })
	t.Run("sshfs", func(t *testing.T) { f.sparseSSHFS(t, x, source) })
	t.Run("clients that send zeros", func(t *testing.T) { f.filled(t, x) })
	t.Run("rsync -S", func(t *testing.T) { f.sparseRsync(t, f.one("debian-alice")) })
}

// sparseSFTP goes on with transfers that have broken off in the hole, and copies inside the container.
func (f *fleet) sparseSFTP(t *testing.T, x *target, source string) {
	inside, outside := x.fresh(t)
	here := filepath.Join(t.TempDir(), "back")
	cut(t, outside+"/sparse", x.uid)
	cut(t, here, 0)
	batch := strings.NewReplacer("@inside", inside, "@source", source, "@here", here).Replace(`
reput @source @inside/sparse
reget @inside/sparse @here
cp @inside/sparse @inside/copied
ls -l @inside/copied
`)
	r := run(t, f.command("sftp", "-F", f.config(), "-b", "-", x.alias), strings.NewReader(batch))
	if r.Code != 0 || !strings.Contains(r.Stdout, " 4296") {
		t.Fatalf("%+v", r)
	}
	head, tail := sparseParts()
	for _, name := range []string{outside + "/sparse", here, outside + "/copied"} {
		checkSparse(t, name, head, tail)
	}
	x.owned(t, outside)
}

// sparseSSHFS writes the data and leaves the hole out, as cp does.
func (f *fleet) sparseSSHFS(t *testing.T, x *target, source string) {
	rig.NeedTool(t, "sshfs")
	needFUSE(t)
	inside, outside := x.fresh(t)
	mounted := t.TempDir()
	f.mount(t, x.alias+":"+inside, mounted)
	ok(t, f.command("cp", "--sparse=auto", source, mounted+"/sparse"))
	head, tail := sparseParts()
	checkSparse(t, outside+"/sparse", head, tail)
	file := openFile(t, mounted+"/sparse")
	checkAt(t, file, sparseTail, tail)
}

// filledSize is that of a file whose hole is sent.
const filledSize = 16 << 20

func makeFilled(t *testing.T) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "sparse")
	head, _ := sparseParts()
	must(t, os.WriteFile(name, head, 0o644))
	must(t, os.Truncate(name, filledSize))
	return name
}

// allocated is what a file takes on the disk, in bytes.
func allocated(t *testing.T, name string) int64 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(name, &st))
	return st.Blocks * 512
}

// filled has OpenSSH's scp and sftp send a hole, which they know nothing of: what they send as zeros is stored.
func (f *fleet) filled(t *testing.T, x *target) {
	source := makeFilled(t)
	inside, outside := x.fresh(t)
	ok(t, f.command("scp", "-F", f.config(), source, x.alias+":"+inside+"/scp"))
	r := run(t, f.command("sftp", "-F", f.config(), "-b", "-", x.alias), strings.NewReader("put "+source+" "+inside+"/sftp\n"))
	if r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	for _, name := range []string{outside + "/scp", outside + "/sftp"} {
		f.same(t, name, source)
		if got := allocated(t, name); got < filledSize {
			t.Errorf("%s: %d bytes are allocated, and the client leaves holes: docs/clients.md says otherwise", name, got)
		}
	}
}

// sparseRsync takes a smaller file, as rsync reads and sends the hole, and finds it again at the other end.
func (f *fleet) sparseRsync(t *testing.T, x *target) {
	rig.NeedTool(t, "rsync")
	source := makeFilled(t)
	inside, outside := x.fresh(t)
	ok(t, f.command("rsync", "-aS", "-e", "ssh -F "+f.config(), source, x.alias+":"+inside+"/"))
	back := t.TempDir()
	ok(t, f.command("rsync", "-aS", "-e", "ssh -F "+f.config(), x.alias+":"+inside+"/sparse", back+"/"))
	for _, name := range []string{outside + "/sparse", back + "/sparse"} {
		f.same(t, name, source)
		if got := allocated(t, name); got > 2*sparseData {
			t.Errorf("%s: %d bytes are allocated, want %d", name, got, sparseData)
		}
	}
}
