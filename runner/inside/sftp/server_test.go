// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"

	"switchyard/test/rig"
)

func ours(t *testing.T) *peer {
	p := start(t, "ours", os.Getuid())
	p.hello()
	return p
}

func (p *peer) expect(r reply, want string) {
	p.t.Helper()
	if got := p.describe(r); got != want {
		p.t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheExtensionsAreOpenSSHsAndThoseOfItsDrafts(t *testing.T) {
	want := map[string]string{
		"posix-rename@openssh.com": "1", "statvfs@openssh.com": "2", "fstatvfs@openssh.com": "2", "hardlink@openssh.com": "1",
		"fsync@openssh.com": "1", "lsetstat@openssh.com": "1", "limits@openssh.com": "1", "expand-path@openssh.com": "1",
		"copy-data": "1", "home-directory": "1", "users-groups-by-id@openssh.com": "1",
	}
	got := start(t, "ours", os.Getuid()).hello()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("announced: %v", got)
	}
	for name := range got {
		if op := extended[name]; op.do == nil && op.reply == nil {
			t.Errorf("%s is announced and not there", name)
		}
	}
	if len(extended) != len(got) {
		t.Errorf("%d extensions are there and %d announced", len(extended), len(got))
	}
}

// OpenSSH's server sets the mode first, and chown(2) then takes the bit off again.
func TestAnOwnerAndAModeAtOnceKeepTheSetUserIDBit(t *testing.T) {
	rig.NeedRoot(t)
	p := ours(t)
	p.put("f", "")
	a := attrs{flags: attrUIDGID | attrPermissions, uid: 1000, gid: 1000, mode: 0o4755}
	p.expect(p.call(fxpSetstat, p.path("f"), a), "status Success")
	var st unix.Stat_t
	if err := unix.Stat(p.path("f"), &st); err != nil || st.Mode != unix.S_IFREG|0o4755 || st.Uid != 1000 {
		t.Errorf("the file is %o of %d, %v", st.Mode, st.Uid, err)
	}
}

// With OpenSSH's server, the whole connection would wait.
func TestAFIFOKeepsNobodyWaiting(t *testing.T) {
	p := ours(t)
	p.local(unix.Mkfifo(p.path("fifo"), 0o600))
	h := p.open("fifo", fxfRead)
	p.expect(p.call(fxpRead, h, int64(0), 10), "status Failure")
	p.expect(p.call(fxpOpen, p.path("fifo"), fxfWrite|fxfAppend, attrs{}), "a handle") // the reader is there
	p.expect(p.call(fxpClose, h), "status Success")
}

func TestAFailureSaysWhatTheSystemSays(t *testing.T) {
	p := ours(t)
	p.put("dir/f", "")
	r := p.call(fxpRmdir, p.path("dir"))
	if code, text := r.uint32(), r.string(); code != uint32(statusFailure) || text != "directory not empty" {
		t.Errorf("the status is %d, %q", code, text)
	}
}

func TestAFullDiskIsAFailureThatSaysSo(t *testing.T) {
	rig.NeedRoot(t)
	p := ours(t)
	p.local(os.Mkdir(p.path("small"), 0o755))
	if err := unix.Mount("none", p.path("small"), "tmpfs", 0, "size=64k"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mounting: %v", err)
		}
		t.Skipf("needs to mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(p.path("small"), unix.MNT_DETACH) })
	h := p.open("small/f", fxfWrite|fxfCreat)
	r := p.call(fxpWrite, h, int64(0), strings.Repeat("x", 128<<10))
	if code, text := r.uint32(), r.string(); code != uint32(statusFailure) || text != "no space left on device" {
		t.Errorf("the status is %d, %q", code, text)
	}
	p.expect(p.call(fxpClose, h), "status Success")
	p.local(unix.Mount("none", p.path("small"), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	r = p.call(fxpOpen, p.path("small/g"), fxfWrite|fxfCreat, attrs{})
	if code, text := r.uint32(), r.string(); code != uint32(statusFailure) || text != "read-only file system" {
		t.Errorf("on a read-only file system, the status is %d, %q", code, text)
	}
}

func TestWhatIsNotKnownOrMalformedIsAnsweredAndNotTheEnd(t *testing.T) {
	p := ours(t)
	p.put("f", "content")
	h := p.open("f", fxfRead|fxfWrite)
	p.expect(p.call(99), "status Operation unsupported")
	p.expect(p.call(fxpData, "x"), "status Operation unsupported")
	p.expect(p.extended("no-such@example.com", "x"), "status Operation unsupported")
	p.expect(p.call(fxpExtended), "status Operation unsupported")
	for kind := range byte(math.MaxUint8) {
		if op := operations[kind]; op.do != nil || op.reply != nil {
			p.expect(p.call(kind), "status Bad message")
			p.expect(p.call(kind, 1<<30), "status Bad message")
		}
	}
	for name := range extended {
		if name != "limits@openssh.com" {
			p.expect(p.extended(name), "status Bad message")
		}
	}
	p.expect(p.call(fxpStat, p.path("f\x00x")), "status Bad message")
	p.expect(p.call(fxpWrite, h, uint64(math.MaxUint64), "x"), "status Bad message")
	p.expect(p.extended("users-groups-by-id@openssh.com", "odd", ""), "status Bad message")
	p.expect(p.call(fxpSetstat, p.path("f"), 1<<31, 1<<30), "status Bad message")
	p.expect(p.call(fxpRead, h, int64(0), 100), "7 bytes fec530a9")
}

func TestAStreamThatIsNoSFTPEndsTheServerWithTheReason(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"text":                {"Welcome to this shell!\n", "beside SFTP"},
		"an empty packet":     {"\x00\x00\x00\x00", "packet of 0 bytes"},
		"a request at once":   {"\x00\x00\x00\x09\x11\x00\x00\x00\x01\x00\x00\x00\x00", "type 17"},
		"a packet without id": {"\x00\x00\x00\x05\x01\x00\x00\x00\x03\x00\x00\x00\x02\x11\x00", "type 17"},
		"half a packet":       {"\x00\x00\x00\x05\x01", "unexpected EOF"},
	} {
		err := Serve(strings.NewReader(c.in), io.Discard, Config{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Serve(strings.NewReader(""), io.Discard, Config{}); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

func TestRequestsAreAnsweredInTheirOrderHoweverTheyArrive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	var in bytes.Buffer
	send := func(b []byte) { in.Write(append([]byte{0, 0, byte(len(b) >> 8), byte(len(b))}, b...)) }
	send([]byte{fxpInit, 0, 0, 0, version})
	send(packet(fxpOpen, 1, file, fxfRead|fxfWrite|fxfCreat, attrs{}))
	handle := "\x00\x00\x00\x00"
	for i := range uint32(500) {
		send(packet(fxpWrite, 2+2*i, handle, int64(i), string(rune('a'+i%26))))
		send(packet(fxpRead, 3+2*i, handle, int64(i), 10))
	}
	for name, from := range map[string]io.Reader{
		"at once": bytes.NewReader(in.Bytes()), "byte by byte": iotest.OneByteReader(bytes.NewReader(in.Bytes())),
		"by halves": iotest.HalfReader(bytes.NewReader(in.Bytes())),
	} {
		var out bytes.Buffer
		if err := Serve(from, &out, Config{}); err != nil {
			t.Fatal(err)
		}
		checkOrder(t, name, &out)
		os.Remove(file)
	}
}

func checkOrder(t *testing.T, name string, out io.Reader) {
	t.Helper()
	p := &peer{t: t, out: out}
	p.receive() // the version
	for id := uint32(1); id <= 1001; id++ {
		f := fields{rest: p.receive()}
		kind, got := f.uint8(), f.uint32()
		want := byte(fxpStatus)
		switch {
		case id == 1:
			want = fxpHandle
		case id%2 == 1:
			want = fxpData
		}
		if got != id || kind != want {
			t.Fatalf("%s: answer %d has id %d and type %d", name, id, got, kind)
		}
	}
}

func TestTenThousandNamesComeOnceEachInPacketsThatAnyClientTakes(t *testing.T) {
	p := ours(t)
	const files = 10000
	for i := range files {
		p.local(os.WriteFile(p.path(fmt.Sprintf("%0200d", i)), nil, 0o644))
	}
	h := p.opendir(".")
	var all []string
	for {
		r := p.call(fxpReaddir, h)
		if r.kind == fxpStatus {
			p.expect(r, "status End of file")
			break
		}
		if len(r.rest) > 34000 {
			t.Fatalf("a packet has %d bytes", len(r.rest))
		}
		for n := r.uint32(); n > 0; n-- {
			all = append(all, r.string())
			r.string()
			r.attrs()
		}
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != files+2 || len(all) != files+2 {
		t.Errorf("%d names came", len(all))
	}
}

func TestHandlesThatAreLeftOpenAreClosedAndTheirNumberIsBounded(t *testing.T) {
	var h handles
	fd := func() int {
		fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	h.all = make([]*handle, maxHandles)
	if _, err := h.add(&handle{fd: fd()}); !errors.Is(err, unix.EMFILE) {
		t.Errorf("one too many: %v", err)
	}
	h = handles{}
	first, _ := h.add(&handle{fd: fd()})
	if _, err := h.add(&handle{fd: fd()}); err != nil {
		t.Fatal(err)
	}
	if err := h.remove([]byte(first)); err != nil {
		t.Error(err)
	}
	if again, _ := h.add(&handle{fd: fd()}); again != first {
		t.Errorf("a number is not used again: %x, %x", first, again)
	}
	h.closeAll()
	if h.find([]byte(first)) != nil {
		t.Error("a handle is left")
	}
}

func TestLimitsAreOpenSSHs(t *testing.T) {
	p := ours(t)
	r := p.extended("limits@openssh.com")
	if a, b, c := r.uint64(), r.uint64(), r.uint64(); r.kind != fxpExtendedReply || a != 262144 || b != 261120 || c != 261120 {
		t.Errorf("the limits are %d, %d, %d", a, b, c)
	}
	if open := r.uint64(); open == 0 || open > maxHandles {
		t.Errorf("%d handles are allowed", open)
	}
}

func TestUsersAndGroupsAreNamed(t *testing.T) {
	p := ours(t)
	r := p.extended("users-groups-by-id@openssh.com", "\x00\x00\x00\x00\x12\x34\x56\x78", "\x00\x00\x00\x00")
	users := fields{rest: r.bytes()}
	groups := fields{rest: r.bytes()}
	if a, b := users.string(), users.string(); a != "root" || b != "" {
		t.Errorf("the users are %q, %q", a, b)
	}
	if g := groups.string(); g != "root" || r.bad || len(users.rest)+len(groups.rest) > 0 {
		t.Errorf("the group is %q", g)
	}
}

// OpenSSH's server of version 9.2 tells its own account's home whoever is asked for.
func TestHomesAreTheUsers(t *testing.T) {
	p := ours(t)
	for name, want := range map[string]string{"": p.dir, "tester": p.dir, "root": "/root"} {
		r := p.call(fxpExtended, "home-directory", name)
		if r.uint32(); r.kind != fxpName || r.string() != want {
			t.Errorf("the home of %q is %x", name, r.rest)
		}
	}
	p.expect(p.extended("home-directory", "no-such-user"), "status No such file")
	p.expect(p.extended("expand-path@openssh.com", "~"), `"DIR" "DIR" flags 0, size 0, owner 0:0, mode 0, times 0 0`)
	p.expect(p.extended("expand-path@openssh.com", "~/new"), `"DIR/new" "DIR/new" flags 0, size 0, owner 0:0, mode 0, times 0 0`)
}

func TestACopyBeyondTheEndSaysSo(t *testing.T) {
	p := ours(t)
	p.put("from", "0123456789")
	from, to := p.open("from", fxfRead), p.open("to", fxfWrite|fxfCreat)
	p.expect(p.extended("copy-data", from, int64(5), uint64(100), to, int64(0)), "status End of file")
	if got, err := os.ReadFile(p.path("to")); err != nil || string(got) != "56789" {
		t.Errorf("copied: %q, %v", got, err)
	}
	version := p.proc("version") // has no size, as nothing of /proc
	p.expect(p.extended("copy-data", version, int64(0), uint64(0), to, int64(0)), "status Success")
	want, _ := os.ReadFile("/proc/version")
	if got, err := os.ReadFile(p.path("to")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("copied: %q, %v", got, err)
	}
}

func TestACopyLeavesHolesWhereNothingIsInTheWay(t *testing.T) {
	const far = 5 << 30
	p := ours(t)
	p.put("from", strings.Repeat("head", 1000))
	p.local(os.Truncate(p.path("from"), far))
	from, to := p.open("from", fxfRead|fxfWrite), p.open("to", fxfWrite|fxfCreat)
	p.expect(p.call(fxpWrite, from, int64(far-4), "tail"), "status Success")
	p.local(os.Truncate(p.path("from"), far+8192)) // a hole at the end, too
	p.expect(p.extended("copy-data", from, int64(0), uint64(0), to, int64(0)), "status Success")
	p.expectSparse("to", far+8192, map[int64]string{0: "headhead", 3996: "head\x00", far - 6: "\x00\x00tail\x00", far + 8184: "\x00\x00"})

	p.expect(p.extended("copy-data", from, int64(1<<20), uint64(far), to, int64(far+8192)), "status End of file")
	p.expectSparse("to", far+8192+far+8192-1<<20, map[int64]string{far + 8192 + far - 1<<20 - 6: "\x00\x00tail\x00"})
}

// It would have no end, as the one grows while the other is read.
func TestACopyFromOneLinkOfAFileToAnotherIsRefused(t *testing.T) {
	p := ours(t)
	p.put("from", "content")
	p.local(os.Link(p.path("from"), p.path("to")))
	p.expect(p.extended("copy-data", p.open("from", fxfRead), int64(0), uint64(0), p.open("to", fxfWrite), int64(7)), "status Failure")
	if got, err := os.ReadFile(p.path("to")); string(got) != "content" || err != nil {
		t.Errorf("the file has %q, %v", got, err)
	}
}

func TestACopyWritesTheZerosOfAHoleOverWhatIsThere(t *testing.T) {
	p := ours(t)
	p.put("from", "")
	p.local(os.Truncate(p.path("from"), 1<<20))
	p.put("to", strings.Repeat("x", 1<<20+3))
	p.put("appended", "x")
	from := p.open("from", fxfRead)
	p.expect(p.extended("copy-data", from, int64(0), uint64(0), p.open("to", fxfWrite), int64(0)), "status Success")
	p.expect(p.extended("copy-data", from, int64(0), uint64(0), p.open("appended", fxfWrite|fxfAppend), int64(5)), "status Success")
	zeros := strings.Repeat("\x00", 1<<20)
	unread := p.open("from", fxfWrite)
	p.expect(p.extended("copy-data", unread, int64(0), uint64(0), p.open("untouched", fxfWrite|fxfCreat), int64(0)), "status No such file") // EBADF, as OpenSSH has it
	for name, want := range map[string]string{"to": zeros + "xxx", "appended": "x" + zeros, "untouched": ""} {
		if got, err := os.ReadFile(p.path(name)); string(got) != want || err != nil {
			t.Errorf("%s has %d bytes, %d of them zeros, %v", name, len(got), bytes.Count(got, []byte{0}), err)
		}
	}
}

// expectSparse looks at a file that is nearly all holes: its size, what is allocated, and some of its content.
func (p *peer) expectSparse(name string, size int64, content map[int64]string) {
	p.t.Helper()
	var st unix.Stat_t
	p.local(unix.Stat(p.path(name), &st))
	if st.Size != size || st.Blocks*512 > 1<<20 {
		p.t.Errorf("%q has %d bytes, %d of them allocated, want %d and next to none", name, st.Size, st.Blocks*512, size)
	}
	file, err := os.Open(p.path(name))
	p.local(err)
	defer file.Close()
	for at, want := range content {
		got := make([]byte, len(want))
		if n, err := file.ReadAt(got, at); string(got) != want {
			p.t.Errorf("%q has %q at %d (%d bytes, %v), want %q", name, got, at, n, err, want)
		}
	}
}

func TestAPacketOfTheLargestSizeIsTaken(t *testing.T) {
	p := ours(t)
	h := p.open("f", fxfWrite|fxfRead|fxfCreat)
	data := strings.Repeat("0123456789abcdef", maxPacket/16)
	data = data[:maxPacket-1-4-4-4-8-4]
	p.expect(p.call(fxpWrite, h, int64(1<<32), data), "status Success")
	r := p.call(fxpRead, h, int64(1<<32), maxPacket)
	if got := r.string(); got != data[:maxData] {
		t.Errorf("%d bytes were read back", len(got))
	}
}
