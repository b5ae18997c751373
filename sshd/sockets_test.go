// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"switchyard/api"
)

// fileTarget is a portTarget with sockets and files: this machine's, below a directory of the test.
type fileTarget struct {
	*portTarget
	dir     string
	refuses error // of Sockets
	fails   error // of ListenPrivate and WritePrivate

	mu     sync.Mutex
	opened []*fileSockets
}

func (f *fileTarget) Sockets(a Account) (Sockets, error) {
	if f.refuses != nil {
		return nil, f.refuses
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &fileSockets{target: f, account: a.Name}
	f.opened = append(f.opened, s)
	return s, nil
}

func (f *fileTarget) Hostname() (string, error) { return "inside", nil }

// newFileHost is a newPortHost whose target has sockets. When the test ends, nothing may be left of them.
func newFileHost(t testing.TB) (*host, *fileTarget) {
	h, ports := newPortHost(t)
	target := &fileTarget{portTarget: ports, dir: t.TempDir()}
	h.cfg.Target = target
	t.Cleanup(func() {
		left, _ := filepath.Glob(filepath.Join(target.dir, "*"))
		for _, path := range left {
			if info, err := os.Stat(path); err == nil && (info.IsDir() || info.Mode()&fs.ModeSocket != 0) {
				t.Errorf("%s is left", path)
			}
		}
		for _, s := range target.opened {
			if s.closes != 1 {
				t.Errorf("Sockets were closed %d times, want once", s.closes)
			}
		}
	})
	return h, target
}

// fileSockets does what Sockets documents.
type fileSockets struct {
	target  *fileTarget
	account string

	mu     sync.Mutex
	dirs   []string
	closes int
}

func (s *fileSockets) Dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", path)
}

func (s *fileSockets) Listen(_ context.Context, path string, unlink bool) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil {
		if !unlink || info.Mode()&fs.ModeSocket == 0 {
			return nil, &fs.PathError{Op: "listen", Path: path, Err: syscall.EADDRINUSE}
		}
		os.Remove(path)
	}
	return net.Listen("unix", path)
}

func (s *fileSockets) privateDir() (string, error) {
	if s.target.fails != nil {
		return "", s.target.fails
	}
	dir, err := os.MkdirTemp(s.target.dir, "private")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirs = append(s.dirs, dir)
	return dir, err
}

func (s *fileSockets) ListenPrivate(ctx context.Context, name string) (net.Listener, string, error) {
	dir, err := s.privateDir()
	if err != nil {
		return nil, "", err
	}
	path := filepath.Join(dir, name)
	l, err := net.Listen("unix", path)
	return l, path, err
}

func (s *fileSockets) WritePrivate(_ context.Context, name string, content []byte) (string, func(), error) {
	dir, err := s.privateDir()
	if err != nil {
		return "", nil, err
	}
	path := filepath.Join(dir, name)
	return path, func() { os.RemoveAll(dir) }, os.WriteFile(path, content, 0o600)
}

func (s *fileSockets) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closes++
	for _, dir := range s.dirs {
		os.RemoveAll(dir)
	}
	return nil
}

// echoSocket is a socket that answers with what it got, once that has ended.
func echoSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				all, _ := io.ReadAll(conn)
				conn.Write(all)
			})
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
}

// staleSocket leaves a socket that nobody listens on.
func staleSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestSocketForwardCarriesBothWays(t *testing.T) {
	h, target := newFileHost(t)
	path := filepath.Join(target.dir, "service")
	echoSocket(t, path)
	c, _ := h.dial("app")
	ch, requests, err := c.OpenChannel("direct-streamlocal@openssh.com", encode(path, "", 0))
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(requests)
	go func() { io.WriteString(ch, "hello"); ch.CloseWrite() }()
	if got := readAll(t, ch); got != "hello" {
		t.Errorf("got %q", got)
	}
}

func TestSocketForwardThatCannotBeIsRefusedInPlainWords(t *testing.T) {
	h, target := newFileHost(t)
	c, _ := h.dial("app")
	stale := filepath.Join(target.dir, "stale")
	staleSocket(t, stale)
	defer os.Remove(stale)
	kind := "direct-streamlocal@openssh.com"
	refusedChannel(t, c, kind, encode(filepath.Join(target.dir, "none"), "", 0), gossh.ConnectionFailed, "there is no such socket")
	refusedChannel(t, c, kind, encode(stale, "", 0), gossh.ConnectionFailed, "connection refused")
	refusedChannel(t, c, kind, encode("", "", 0), gossh.ConnectionFailed, `"" is not the path of a socket`)
	refusedChannel(t, c, kind, encode("/a\x00b", "", 0), gossh.ConnectionFailed, `is not the path of a socket`)
	refusedChannel(t, c, kind, encode("/x", ""), gossh.ConnectionFailed, "malformed")

	target.refuses = errors.New("sockets take what is not here")
	c, _ = h.dial("app")
	refusedChannel(t, c, kind, encode("/x", "", 0), gossh.ConnectionFailed, "sockets take what is not here")

	h.grant.Features = []api.Feature{api.FeatureShell, api.FeatureRemoteForward}
	c, _ = h.dial("app")
	refusedChannel(t, c, kind, encode("/x", "", 0), gossh.Prohibited, "you may not forward ports")
}

func TestTargetWithoutSocketsRefusesThem(t *testing.T) {
	h, _ := newPortHost(t)
	c, _ := h.dial("app")
	refusedChannel(t, c, "direct-streamlocal@openssh.com", encode("/x", "", 0), gossh.ConnectionFailed, "cannot be reached")
	if ok, _, _ := c.SendRequest("streamlocal-forward@openssh.com", true, encode("/x")); ok {
		t.Error("streamlocal-forward was accepted")
	}
	ch, _ := openChannel(t, c)
	mustRefuse(t, ch, "auth-agent-req@openssh.com", nil)
	mustRefuse(t, ch, "x11-req", encodeX11(false, "MIT-MAGIC-COOKIE-1", cookie, 0))
	ch.Close()
	if r := run(t, c, "echo ${SSH_AUTH_SOCK-none} ${DISPLAY-none}", ""); r.stdout != "none none\n" && os.Getenv("DISPLAY") == "" {
		t.Errorf("the session has %q", r.stdout)
	}
}

func TestRemoteSocketForwardCarriesIsCancelledAndEnds(t *testing.T) {
	h, target := newFileHost(t)
	path := filepath.Join(target.dir, "asked")
	c, s := h.dial("app")
	opens := c.HandleChannelOpen("forwarded-streamlocal@openssh.com")
	if ok, _, err := c.SendRequest("streamlocal-forward@openssh.com", true, encode(path)); !ok {
		t.Fatalf("refused: %v", err)
	}
	inside, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	open := receive(t, opens)
	if m, err := parse[forwardedStreamLocalMsg](open.ExtraData()); err != nil || m.Path != path || m.Reserved != "" {
		t.Errorf("the open says %+v, %v", m, err)
	}
	ch, requests, err := open.Accept()
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(requests)
	if ok, _, _ := c.SendRequest("cancel-streamlocal-forward@openssh.com", true, encode(path+"x")); ok {
		t.Error("a cancel of another socket was accepted")
	}
	if ok, _, _ := c.SendRequest("cancel-streamlocal-forward@openssh.com", true, encode(path)); !ok {
		t.Error("the cancel was refused")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket after its cancel: %v", err)
	}
	go func() { io.WriteString(inside, "hello"); inside.(*net.UnixConn).CloseWrite() }()
	if got := readAll(t, ch); got != "hello" {
		t.Errorf("the connection from before carries %q", got)
	}
	// Another one ends with the connection.
	if ok, _, _ := c.SendRequest("streamlocal-forward@openssh.com", true, encode(path)); !ok {
		t.Error("the second was refused")
	}
	c.Close()
	s.wait(t)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket after the connection's end: %v", err)
	}
}

func TestASocketInTheWayGoesAsThePolicySays(t *testing.T) {
	for policy, want := range map[Unlink]map[string]bool{
		"":        {"stale": true, "live": false, "file": false, "none": true},
		UnlinkYes: {"stale": true, "live": true, "file": false, "none": true},
		UnlinkNo:  {"stale": false, "live": false, "file": false, "none": true},
	} {
		h, target := newFileHost(t)
		h.cfg.Forwards.Unlink = policy
		staleSocket(t, filepath.Join(target.dir, "stale"))
		t.Cleanup(func() { os.Remove(filepath.Join(target.dir, "stale")) })
		echoSocket(t, filepath.Join(target.dir, "live"))
		if err := os.WriteFile(filepath.Join(target.dir, "file"), []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, _ := h.dial("app")
		for name, may := range want {
			ok, _, _ := c.SendRequest("streamlocal-forward@openssh.com", true, encode(filepath.Join(target.dir, name)))
			if ok != may {
				t.Errorf("%q: in place of %s: %v, want %v", policy, name, ok, may)
			}
		}
		if b, _ := os.ReadFile(filepath.Join(target.dir, "file")); string(b) != "precious" {
			t.Errorf("%q: the file is %q", policy, b)
		}
		os.Remove(filepath.Join(target.dir, "stale"))
	}
}

func TestOpenSSHForwardsSocketsBothWays(t *testing.T) {
	h, target := newFileHost(t)
	service, near := filepath.Join(target.dir, "service"), filepath.Join(t.TempDir(), "near")
	echoSocket(t, service)
	echo2 := filepath.Join(t.TempDir(), "echo2")
	echoSocket(t, echo2)
	far := filepath.Join(target.dir, "far")
	cmd := h.sshInBackground(t, "-N", "-L", near+":"+service, "-R", far+":"+echo2, "web")
	for _, path := range []string{near, far} {
		var conn net.Conn
		eventually(t, path, func() (ok bool) {
			var err error
			conn, err = net.Dial("unix", path)
			return err == nil
		})
		go func() { io.WriteString(conn, "there and back"); conn.(*net.UnixConn).CloseWrite() }()
		if got := readAll(t, conn); got != "there and back" {
			t.Errorf("%s: got %q", path, got)
		}
		conn.Close()
	}
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	eventually(t, "the socket's end", func() bool { _, err := os.Stat(far); return err != nil })
}

func TestDialOfASocketThatNeverAnswersTimesOut(t *testing.T) {
	h, target := newFileHost(t)
	h.cfg.DialTimeout = time.Nanosecond
	c, _ := h.dial("app")
	refusedChannel(t, c, "direct-streamlocal@openssh.com", encode(filepath.Join(target.dir, "x"), "", 0), gossh.ConnectionFailed, "timed out")
}
