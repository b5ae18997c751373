// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	bigSize = 64 << 20
	small   = 60 // files in the directory of many
)

// old is the modification time of the trees' files, for clients that keep it.
var old = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

const backslash = `back\slash.txt`

// names are those of the files that a client may get wrong.
var names = []string{
	"plain.txt", "with space.txt", `it's "quoted".txt`, "ünïcödé-日本語-😀.txt", "$HOME `id` ;&|.txt",
	"stars*and?[marks].txt", backslash, "#hash~tilde%percent", ".hidden", "deep/er/a b/c.txt",
}

// tree is a directory to transfer. It is not changed once it is made.
type tree struct {
	dir     string
	content manifest
}

// makeTree makes files of every kind, and a link to a directory if wanted.
func makeTree(t *testing.T, root string, dirLink bool) *tree {
	t.Helper()
	for _, dir := range []string{"deep/er/a b", "many", "empty dir"} {
		must(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	file := func(name string, size int, mode os.FileMode) {
		must(t, os.WriteFile(filepath.Join(root, name), random(size), mode))
	}
	for i, name := range names {
		file(name, 1000+i, 0o644)
	}
	for i := range small {
		file(fmt.Sprintf("many/%03d", i), i*7, 0o644)
	}
	file("empty", 0, 0o644)
	file("run me.sh", 100, 0o755)
	file("private", 100, 0o600)
	file("medium", 3<<20+1, 0o644)
	must(t, os.Symlink("plain.txt", filepath.Join(root, "link")))
	if dirLink {
		must(t, os.Symlink("deep/er", filepath.Join(root, "link to a directory")))
	}
	must(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, _ error) error { return os.Chtimes(path, old, old) }))
	return &tree{root, manifestOf(t, root)}
}

func (f *fleet) makeBig(t *testing.T) {
	t.Helper()
	f.big = filepath.Join(f.Dir, "big file.bin")
	must(t, os.WriteFile(f.big, random(bigSize), 0o644))
	f.bigSum = sum(t, f.big)
}

// random is incompressible and the same in each run.
func random(size int) []byte {
	seed := [32]byte{byte(size), byte(size >> 8), byte(size >> 16)}
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

func sum(t *testing.T, file string) string {
	t.Helper()
	r, err := os.Open(file)
	must(t, err)
	defer r.Close()
	h := sha256.New()
	_, err = io.Copy(h, r)
	must(t, err)
	return hex.EncodeToString(h.Sum(nil))
}

// checkBig compares a copy of the big file.
func (f *fleet) checkBig(t *testing.T, copied string) {
	t.Helper()
	if got := sum(t, copied); got != f.bigSum {
		t.Errorf("%s has checksum %s, want %s", copied, got, f.bigSum)
	}
}

// manifest is what a directory holds, by path below it.
type manifest map[string]entry

type entry struct {
	kind fs.FileMode // zero for files
	mode fs.FileMode
	sum  string
	link string
	time int64
}

func manifestOf(t *testing.T, dir string) manifest {
	t.Helper()
	m := manifest{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		must(t, err)
		e := entry{kind: info.Mode().Type(), mode: info.Mode().Perm(), time: info.ModTime().Unix()}
		switch e.kind {
		case 0:
			e.sum = sum(t, path)
		case fs.ModeSymlink:
			e.link, err = os.Readlink(path)
		}
		m[strings.TrimPrefix(path, dir+"/")] = e
		return err
	}))
	return m
}

// loss is what a client cannot transfer, or was not asked to.
type loss int

const (
	times       loss = 1 << iota // of files
	dirTimes                     // times of directories
	modes                        // permissions
	links                        // symbolic links are left out
	followed                     // links are files and directories in the copy
	backslashed                  // a backslash ends a directory's name, as on Windows, so names begin after it
)

// without is what is left of a tree after the losses, of times those of links always.
func (m manifest) without(l loss) manifest {
	left := maps.Clone(m)
	for path, e := range m {
		if l&followed != 0 && e.kind == fs.ModeSymlink {
			left.follow(path, e.link)
		}
	}
	if e, ok := left[backslash]; ok && l&backslashed != 0 {
		delete(left, backslash)
		left[backslash[strings.Index(backslash, `\`)+1:]] = e
	}
	for path, e := range left {
		if l&links != 0 && e.kind == fs.ModeSymlink {
			delete(left, path)
			continue
		}
		if l&times != 0 || l&dirTimes != 0 && e.kind == fs.ModeDir || e.kind == fs.ModeSymlink {
			e.time = 0
		}
		if l&modes != 0 || e.kind == fs.ModeSymlink {
			e.mode = 0
		}
		left[path] = e
	}
	return left
}

// follow puts a copy of the link's target in its place; the trees' links lead to siblings.
func (m manifest) follow(link, to string) {
	for path, e := range maps.Clone(m) {
		if path == to || strings.HasPrefix(path, to+"/") {
			m[link+strings.TrimPrefix(path, to)] = e
		}
	}
}

// check compares a copy of the tree, as seen from outside, except for what is lost on the way.
func (r *tree) check(t *testing.T, copied string, l loss) {
	t.Helper()
	checkSame(t, manifestOf(t, copied).without(l), r.content.without(l))
}

func checkSame(t *testing.T, got, want manifest) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if g, ok := got[path]; !ok {
			t.Errorf("%q is missing", path)
		} else if g != want[path] {
			t.Errorf("%q is %+v, want %+v", path, g, want[path])
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[path]; !ok {
			t.Errorf("%q is too many", path)
		}
	}
}
