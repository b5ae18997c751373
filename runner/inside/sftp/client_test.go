// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"switchyard/test/rig"
)

// opensshServer is the one that ours is compared with.
const opensshServer = "/usr/lib/openssh/sftp-server"

// peer is a client that speaks in packets, and one server.
type peer struct {
	t    *testing.T
	uid  int
	dir  string // the server's directory, which the test has to itself
	in   io.WriteCloser
	out  io.Reader
	next uint32
}

// servers are what a scenario is run on.
var servers = map[string]func(t *testing.T) *exec.Cmd{
	"ours": func(t *testing.T) *exec.Cmd {
		self, err := os.Open("/proc/self/exe") // whose directory another account cannot enter
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { self.Close() })
		return &exec.Cmd{Path: "/proc/self/fd/3", Args: []string{"sftp"}, ExtraFiles: []*os.File{self}}
	},
	"openssh": func(t *testing.T) *exec.Cmd { return exec.Command(rig.NeedTool(t, opensshServer)) },
}

// start starts a server in a new directory, as an account, with a umask of 022.
func start(t *testing.T, server string, uid int) *peer {
	t.Helper()
	base := "/tmp/sftp-" + rand.Text()[:16] // of one length, which links and directories tell
	t.Cleanup(func() { os.RemoveAll(base) })
	dir := base + "/dir"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := servers[server](t)
	c.Dir, c.Stderr = dir, os.Stderr
	c.Env = []string{"GORACE=atexit_sleep_ms=0", asServer + "=" + dir, "HOME=" + dir, "USER=tester", "TZ=UTC"}
	if uid != os.Getuid() {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	if err := os.Chown(dir, uid, uid); err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, uid: uid, dir: dir}
	var err error
	if p.in, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if p.out, err = c.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var stopped atomic.Bool
	guard := time.AfterFunc(time.Minute, func() { stopped.Store(true); c.Process.Kill() })
	t.Cleanup(func() {
		p.in.Close()
		io.Copy(io.Discard, p.out)
		if err := c.Wait(); err != nil || stopped.Load() {
			t.Errorf("%s: %v, and had to be stopped: %t", server, err, stopped.Load())
		}
		guard.Stop()
	})
	return p
}

// reply is an answer's type and what follows the id.
type reply struct {
	kind byte
	fields
}

// raw sends a packet and does not wait.
func (p *peer) raw(packet []byte) {
	p.t.Helper()
	if _, err := p.in.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(packet))), packet...)); err != nil {
		p.t.Fatalf("sending: %v", err)
	}
}

// receive reads one packet.
func (p *peer) receive() []byte {
	p.t.Helper()
	var head [4]byte
	if _, err := io.ReadFull(p.out, head[:]); err != nil {
		p.t.Fatalf("receiving: %v", err)
	}
	packet := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(p.out, packet); err != nil {
		p.t.Fatalf("receiving: %v", err)
	}
	return packet
}

// hello begins, and returns the extensions.
func (p *peer) hello() map[string]string {
	p.t.Helper()
	p.raw([]byte{fxpInit, 0, 0, 0, version})
	f := fields{rest: p.receive()}
	if kind, v := f.uint8(), f.uint32(); kind != fxpVersion || v != version {
		p.t.Fatalf("the first answer is %d, version %d", kind, v)
	}
	all := map[string]string{}
	for len(f.rest) > 0 && !f.bad {
		name := f.string()
		all[name] = f.string()
	}
	return all
}

// call asks and returns the answer.
func (p *peer) call(kind byte, args ...any) reply {
	p.t.Helper()
	p.next++
	p.raw(packet(kind, p.next, args...))
	f := fields{rest: p.receive()}
	r := reply{kind: f.uint8()}
	if id := f.uint32(); id != p.next {
		p.t.Fatalf("the answer to %d came with the id %d", p.next, id)
	}
	r.fields = f
	return r
}

// packet makes a request of its fields.
func packet(kind byte, id uint32, args ...any) []byte {
	r := &replies{b: []byte{kind}}
	r.uint32(id)
	for _, arg := range args {
		switch v := arg.(type) {
		case int:
			r.uint32(uint32(v))
		case uint32:
			r.uint32(v)
		case uint64:
			r.uint64(v)
		case int64:
			r.uint64(uint64(v))
		case string:
			r.string(v)
		case attrs:
			r.attrs(v)
			if v.has(attrExtended) {
				r.uint32(1)
				r.string("name@example.com")
				r.string("value")
			}
		default:
			panic(fmt.Sprintf("%T", arg))
		}
	}
	return r.b
}

func (p *peer) extended(name string, args ...any) reply {
	p.t.Helper()
	return p.call(fxpExtended, append([]any{name}, args...)...)
}

// path is one in the server's directory.
func (p *peer) path(name string) string { return p.dir + "/" + name }

// open opens a file that must open.
func (p *peer) open(name string, pflags int) string {
	p.t.Helper()
	r := p.call(fxpOpen, p.path(name), pflags, attrs{})
	if r.kind != fxpHandle {
		p.t.Fatalf("opening %s: %s", name, p.describe(r))
	}
	return r.string()
}

func (p *peer) opendir(name string) string {
	p.t.Helper()
	r := p.call(fxpOpendir, p.path(name))
	if r.kind != fxpHandle {
		p.t.Fatalf("opening %s: %s", name, p.describe(r))
	}
	return r.string()
}

// local does something to the server's directory that must work.
func (p *peer) local(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) put(name, content string) {
	p.t.Helper()
	p.local(os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
	p.local(os.WriteFile(p.path(name), []byte(content), 0o644))
	p.local(p.own())
}

// own gives all to the server's account.
func (p *peer) own() error {
	return filepath.WalkDir(p.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, p.uid, p.uid)
	})
}

// describe is an answer in words, with what differs from run to run left out.
func (p *peer) describe(r reply) string {
	switch r.kind {
	case fxpStatus:
		return "status " + statusTexts[status(r.uint32())]
	case fxpHandle:
		return "a handle"
	case fxpData:
		b := r.bytes()
		return fmt.Sprintf("%d bytes %08x", len(b), crc32.ChecksumIEEE(b))
	case fxpAttrs:
		return r.attrsText()
	case fxpName:
		return p.names(r)
	}
	return fmt.Sprintf("type %d: %x", r.kind, r.rest)
}

func (r *reply) attrsText() string {
	a := r.attrs()
	return fmt.Sprintf("flags %x, size %d, owner %d:%d, mode %o, times %v %v", a.flags, a.size, a.uid, a.gid, a.mode, roughly(a.atime), roughly(a.mtime))
}

// roughly leaves out the time of the test.
func roughly(seconds uint32) any {
	if math.Abs(float64(time.Now().Unix()-int64(seconds))) < 1000 {
		return "now"
	}
	return seconds
}

func (p *peer) names(r reply) string {
	var all []string
	for n := r.uint32(); n > 0 && !r.bad; n-- {
		name, long := r.string(), r.string()
		text := r.attrsText()
		if strings.HasSuffix(long, " "+name) { // ls -l, whose columns and dates do not matter
			long = strings.Join(slices.Delete(strings.Fields(long), 4, 8), " ")
		}
		all = append(all, fmt.Sprintf("%q %q %s", name, long, text))
	}
	slices.Sort(all)
	text := strings.ReplaceAll(strings.Join(all, "; "), p.dir, "DIR")
	return strings.ReplaceAll(text, filepath.Dir(p.dir), "BASE")
}

func mustTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}
