// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/test/rig"
)

// scenario is a conversation. What it returns, and what it leaves in its directory, must be the same on both servers.
type scenario func(p *peer) []reply

// scenarios by what they look at.
var scenarios = map[string]scenario{
	"open": func(p *peer) (all []reply) {
		p.put("there", "content")
		p.local(os.Mkdir(p.path("dir"), 0o755))
		p.local(os.Symlink("nowhere", p.path("dangling")))
		p.local(os.Symlink("loop", p.path("loop")))
		for _, name := range []string{"there", "new", "dir", "missing/x", "there/x", "dangling", "loop", strings.Repeat("n", 300)} {
			for _, pflags := range []int{0, fxfRead, fxfWrite, fxfRead | fxfWrite, fxfWrite | fxfCreat, fxfWrite | fxfCreat | fxfExcl,
				fxfWrite | fxfTrunc, fxfWrite | fxfAppend, fxfRead | fxfCreat} {
				all = append(all, p.call(fxpOpen, p.path(name), pflags, attrs{}))
			}
		}
		return append(all, p.call(fxpOpen, "", fxfRead, attrs{}), p.call(fxpOpen, "\xff\xfe", fxfWrite|fxfCreat, attrs{}))
	},
	"the mode of what is made": func(p *peer) (all []reply) {
		for i, mode := range []uint32{0o644, 0o600, 0o777, 0o4755, 0o0, 0o100640} {
			a := attrs{flags: attrPermissions, mode: mode}
			all = append(all, p.call(fxpOpen, p.path(fmt.Sprint("file", i)), fxfWrite|fxfCreat, a))
			all = append(all, p.call(fxpMkdir, p.path(fmt.Sprint("dir", i)), a))
		}
		return append(all, p.call(fxpOpen, p.path("file"), fxfWrite|fxfCreat, attrs{}), p.call(fxpMkdir, p.path("dir"), attrs{}),
			p.call(fxpMkdir, p.path("dir"), attrs{}), p.call(fxpMkdir, p.path("no/dir"), attrs{}), p.call(fxpMkdir, p.path("file/dir"), attrs{}))
	},
	"read": func(p *peer) (all []reply) {
		p.put("f", strings.Repeat("0123456789", 50000))
		h := p.open("f", fxfRead)
		for _, at := range []int64{0, 1, 499990, 499999, 500000, 500001, 1 << 40, math.MaxInt64} {
			for _, n := range []int{1, 10, 32768, maxData} {
				all = append(all, p.call(fxpRead, h, at, n))
			}
		}
		return append(all, p.call(fxpRead, h, int64(0), maxData+1000), p.call(fxpRead, h, int64(0), math.MaxUint32),
			p.call(fxpRead, p.open("f", fxfWrite), int64(0), 1), p.call(fxpRead, "none", int64(0), 1), p.call(fxpRead, "", int64(0), 1),
			p.call(fxpRead, p.opendir("."), int64(0), 1), p.call(fxpRead, "\x00\x00\x10\x00", int64(0), 1))
	},
	"write": func(p *peer) (all []reply) {
		p.put("f", "0123456789")
		h := p.open("f", fxfWrite)
		for _, w := range []struct {
			at   int64
			data string
		}{{0, "a"}, {9, "xyz"}, {20, "hole"}, {1 << 33, "far"}, {5, ""}} {
			all = append(all, p.call(fxpWrite, h, w.at, w.data))
		}
		return append(all, p.call(fxpWrite, p.open("f", fxfRead), int64(0), "x"), p.call(fxpWrite, "none", int64(0), "x"),
			p.call(fxpWrite, h, int64(0), strings.Repeat("y", 255<<10)), p.call(fxpFstat, h))
	},
	"append": func(p *peer) (all []reply) {
		p.put("f", "begin")
		h := p.open("f", fxfWrite|fxfAppend)
		return []reply{p.call(fxpWrite, h, int64(0), "-one"), p.call(fxpWrite, h, int64(2), "-two"), p.call(fxpClose, h)}
	},
	"close": func(p *peer) []reply {
		p.put("f", "")
		h := p.open("f", fxfRead)
		return []reply{p.call(fxpClose, h), p.call(fxpClose, h), p.call(fxpClose, "none"), p.call(fxpFstat, h), p.call(fxpClose, p.opendir("."))}
	},
	"stat": func(p *peer) (all []reply) {
		p.put("f", "four")
		p.local(os.Chtimes(p.path("f"), past, past))
		p.local(os.Symlink("f", p.path("link")))
		p.local(os.Symlink("none", p.path("dangling")))
		p.local(unix.Mkfifo(p.path("fifo"), 0o600))
		p.local(os.Truncate(p.path("f"), 5<<30))
		p.local(os.Chtimes(p.path("f"), past, past))
		for _, name := range []string{"f", "link", "dangling", "fifo", "missing", "f/x", "."} {
			all = append(all, p.call(fxpStat, p.path(name)), p.call(fxpLstat, p.path(name)))
		}
		return append(all, p.call(fxpStat, "f"), p.call(fxpStat, ""), p.call(fxpStat, "/dev/null"), p.call(fxpFstat, p.open("f", fxfRead)), p.call(fxpFstat, p.opendir(".")))
	},
	"setstat": func(p *peer) (all []reply) {
		p.put("f", "0123456789")
		p.local(os.Symlink("f", p.path("link")))
		p.local(os.Symlink("none", p.path("dangling")))
		p.local(os.Mkdir(p.path("dir"), 0o755))
		for _, name := range []string{"f", "link", "dangling", "dir", "missing"} {
			for _, a := range changes {
				all = append(all, p.call(fxpSetstat, p.path(name), a), p.call(fxpLstat, p.path(name)),
					p.extended("lsetstat@openssh.com", p.path(name), a), p.call(fxpLstat, p.path(name)))
			}
		}
		return all
	},
	"fsetstat": func(p *peer) (all []reply) {
		p.put("f", "0123456789")
		h := p.open("f", fxfRead|fxfWrite)
		p.local(os.Rename(p.path("f"), p.path("renamed")))
		p.put("f", "another's")
		for _, a := range changes {
			all = append(all, p.call(fxpFsetstat, h, a), p.call(fxpFstat, h))
		}
		return append(all, p.call(fxpFsetstat, p.opendir("."), changes[1]), p.call(fxpFsetstat, "none", changes[1]))
	},
	"remove": func(p *peer) []reply {
		p.put("f", "")
		p.put("dir/f", "")
		p.local(os.Symlink("dir", p.path("link")))
		p.local(os.Mkdir(p.path("empty"), 0o755))
		return []reply{p.call(fxpRemove, p.path("f")), p.call(fxpRemove, p.path("f")), p.call(fxpRemove, p.path("dir")), p.call(fxpRemove, p.path("link")),
			p.call(fxpRmdir, p.path("dir")), p.call(fxpRmdir, p.path("empty")), p.call(fxpRmdir, p.path("dir/f")), p.call(fxpRmdir, p.path("none"))}
	},
	"rename": func(p *peer) (all []reply) {
		for _, name := range []string{"posix-rename@openssh.com", ""} {
			p.put("f", "f")
			p.put("g", "g")
			p.put("full/x", "")
			p.local(os.MkdirAll(p.path("dir"), 0o755))
			p.local(os.Symlink("f", p.path("link")))
			rename := func(from, to string) {
				if name != "" {
					all = append(all, p.extended(name, p.path(from), p.path(to)))
				} else {
					all = append(all, p.call(fxpRename, p.path(from), p.path(to)))
				}
			}
			for _, c := range [][2]string{{"f", "g"}, {"none", "x"}, {"g", "h"}, {"dir", "moved"}, {"moved", "full"}, {"moved", "h"}, {"h", "moved"},
				{"link", "symlink"}, {"symlink", "h"}, {"h", "no/h"}, {"full", "full/below"}, {"h", "h"}} {
				rename(c[0], c[1])
			}
			p.clear()
		}
		return all
	},
	"links": func(p *peer) []reply {
		p.put("f", "f")
		p.local(os.Mkdir(p.path("dir"), 0o755))
		return []reply{
			p.call(fxpSymlink, "f", p.path("relative")), p.call(fxpSymlink, p.path("f"), p.path("absolute")), p.call(fxpSymlink, "f", p.path("f")),
			p.call(fxpSymlink, "\xff", p.path("bytes")), p.call(fxpSymlink, "", p.path("empty")), p.call(fxpReadlink, p.path("relative")),
			p.call(fxpReadlink, p.path("absolute")), p.call(fxpReadlink, p.path("bytes")), p.call(fxpReadlink, p.path("f")), p.call(fxpReadlink, p.path("none")),
			p.extended("hardlink@openssh.com", p.path("f"), p.path("hard")), p.extended("hardlink@openssh.com", p.path("f"), p.path("hard")),
			p.extended("hardlink@openssh.com", p.path("dir"), p.path("harddir")), p.extended("hardlink@openssh.com", p.path("none"), p.path("x")),
			p.extended("hardlink@openssh.com", p.path("relative"), p.path("hardlink of a link")),
		}
	},
	"realpath": func(p *peer) (all []reply) {
		p.put("dir/sub/f", "")
		p.local(os.Symlink("dir/sub", p.path("link")))
		p.local(os.Symlink(p.path("dir"), p.path("absolute")))
		p.local(os.Symlink("loop", p.path("loop")))
		p.local(os.Symlink("gone", p.path("dangling")))
		for _, path := range []string{"", ".", "..", "/", "//", "/..", "dir", "dir/", "dir/sub/../f", "link", "link/f", "link/..", "link/../..", "absolute/sub",
			"new", "new/", "new/x", "loop", "dangling", "dangling/x", "dir/sub/f/", "dir/sub/f/x", "dir/sub/f/..", "dir/sub/f/.", "dir/sub/f/./", "new/.", "new/..", "dir/sub/f/../", "link/new", "dir//sub///f", "./././dir", "a\xffb", strings.Repeat("n", 300)} {
			all = append(all, p.call(fxpRealpath, path), p.extended("expand-path@openssh.com", path))
			if path != "" && path[0] != '/' {
				all = append(all, p.call(fxpRealpath, p.path(path)))
			}
		}
		return append(all, p.extended("expand-path@openssh.com", "~nobody"), p.extended("expand-path@openssh.com", "~nobody/x/.."),
			p.extended("expand-path@openssh.com", "~no-such-user/x"), p.extended("expand-path@openssh.com", "~root/."))
	},
	"readdir": func(p *peer) (all []reply) {
		for _, name := range []string{"a", "b c", "\xff\xfe", "new\nline", "-x"} {
			p.put(name, name)
		}
		p.local(os.Mkdir(p.path("dir"), 0o1777))
		p.local(os.Symlink("none", p.path("link")))
		p.local(unix.Mkfifo(p.path("fifo"), 0o604))
		p.local(os.Chmod(p.path("a"), 0o6711|fs.ModeSetuid|fs.ModeSetgid))
		h := p.opendir(".")
		return []reply{p.call(fxpReaddir, h), p.call(fxpReaddir, h), p.call(fxpReaddir, h), p.call(fxpReaddir, p.open("a", fxfRead)), p.call(fxpReaddir, "none"),
			p.call(fxpOpendir, p.path("a")), p.call(fxpOpendir, p.path("none")), p.call(fxpOpendir, p.path("link"))}
	},
	"statvfs": func(p *peer) []reply {
		p.put("f", "")
		return []reply{p.extended("statvfs@openssh.com", "/proc"), p.extended("fstatvfs@openssh.com", p.proc("version")), p.extended("statvfs@openssh.com", p.path("none")),
			p.extended("fstatvfs@openssh.com", "none"), p.extended("fsync@openssh.com", p.open("f", fxfWrite)), p.extended("fsync@openssh.com", "none"),
			p.extended("fsync@openssh.com", p.opendir("."))}
	},
	"copy-data": func(p *peer) (all []reply) {
		p.put("from", strings.Repeat("0123456789", 100000))
		from := p.open("from", fxfRead)
		for i, c := range []struct {
			at     int64
			length uint64
			to     int64
		}{{0, 0, 0}, {5, 10, 0}, {5, 10, 100}, {0, 1 << 40, 0}, {2000000, 0, 0}, {999999, 1, 1 << 33}} {
			p.put(fmt.Sprint("to", i), "there before")
			to := p.open(fmt.Sprint("to", i), fxfWrite)
			all = append(all, p.extended("copy-data", from, c.at, c.length, to, c.to))
		}
		to := p.open("to0", fxfWrite)
		return append(all, p.extended("copy-data", from, int64(0), uint64(0), from, int64(0)), p.extended("copy-data", "none", int64(0), uint64(0), to, int64(0)),
			p.extended("copy-data", from, int64(0), uint64(0), "none", int64(0)), p.extended("copy-data", to, int64(0), uint64(0), p.open("to1", fxfWrite), int64(0)),
			p.extended("copy-data", p.opendir("."), int64(0), uint64(0), to, int64(0)),
			p.extended("copy-data", from, int64(0), uint64(0), p.open("from", fxfRead|fxfWrite), int64(10)))
	},
	"what the system's files are": func(p *peer) (all []reply) {
		return []reply{p.call(fxpRead, p.proc("version"), int64(0), 5), p.call(fxpOpen, "/proc/self/nothing", fxfRead, attrs{}),
			p.call(fxpOpen, "/dev/null", fxfRead|fxfWrite, attrs{}), p.call(fxpMkdir, "/proc/x", attrs{}), p.call(fxpRemove, "/proc/version")}
	},
}

var past = mustTime("2001-02-03T04:05:06Z")

// changes are what a setstat may ask for.
var changes = []attrs{
	{flags: attrSize, size: 4},
	{flags: attrPermissions, mode: 0o640},
	{flags: attrPermissions, mode: 0o104755},
	{flags: attrTimes, atime: 1000000000, mtime: 1100000000},
	{flags: attrTimes, atime: math.MaxUint32, mtime: 0},
	{flags: attrSize, size: math.MaxUint64},
	{flags: attrSize | attrPermissions | attrTimes, size: 7, mode: 0o600, atime: 1, mtime: 2},
	{flags: attrExtended},
	{},
	{flags: attrUIDGID, uid: 12345, gid: 54321},
}

// proc is the handle of a file of /proc.
func (p *peer) proc(name string) string {
	r := p.call(fxpOpen, "/proc/"+name, fxfRead, attrs{})
	return r.string()
}

func (p *peer) clear() {
	entries, err := os.ReadDir(p.dir)
	p.local(err)
	for _, e := range entries {
		p.local(os.RemoveAll(p.path(e.Name())))
	}
}

func TestEveryOperationDoesWhatOpenSSHsServerDoes(t *testing.T) {
	rig.NeedTool(t, opensshServer)
	accounts := map[string]int{"own account": os.Getuid()}
	if os.Getuid() == 0 {
		accounts["another account"] = 65534
	}
	for name, s := range scenarios {
		for as, uid := range accounts {
			t.Run(name+"/"+as, func(t *testing.T) {
				ours, theirs := observe(t, "ours", uid, s), observe(t, "openssh", uid, s)
				for i := range max(len(ours), len(theirs)) {
					if got, want := at(ours, i), at(theirs, i); got != want {
						t.Errorf("%d: got\n\t%s\nand OpenSSH's server gives\n\t%s", i, got, want)
					}
				}
			})
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "nothing"
}

// observe runs a scenario on a server.
func observe(t *testing.T, server string, uid int, s scenario) (lines []string) {
	t.Helper()
	p := start(t, server, uid)
	p.hello()
	for _, r := range s(p) {
		lines = append(lines, p.describe(r))
	}
	return append(lines, p.tree()...)
}

// tree is what is in the server's directory.
func (p *peer) tree() (lines []string) {
	p.local(filepath.WalkDir(p.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == p.dir {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		line := fmt.Sprintf("%q %o %d:%d %d links, %d bytes, %v", path[len(p.dir):], st.Mode, st.Uid, st.Gid, st.Nlink, sizeOf(&st), roughly(uint32(st.Mtim.Sec)))
		if st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size >= 1<<20 {
			line += fmt.Sprintf(", with holes: %t", st.Blocks*512 < st.Size/2)
		}
		if st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size < 1<<20 {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %x", sha256.Sum256(content))
		}
		lines = append(lines, line)
		return nil
	}))
	slices.Sort(lines)
	return lines
}

// sizeOf leaves out that of a directory, which is the file system's business.
func sizeOf(st *unix.Stat_t) int64 {
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return 0
	}
	return st.Size
}
