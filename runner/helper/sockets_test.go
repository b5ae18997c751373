// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/sshd"
	"switchyard/test/rig"
)

// deadline only bounds a failure.
const deadline = 60 * time.Second

func asUser(uid int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
}

func listen(t *testing.T, s sshd.Sockets, path string) net.Listener {
	t.Helper()
	l, err := s.Listen(t.Context(), path, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestWhatIsDialledAndListenedOnCarriesBytesBothWays(t *testing.T) {
	s := sockets(t, mine())
	for name, path := range map[string]string{
		"plain":            filepath.Join(t.TempDir(), "s"),
		"a long directory": filepath.Join(longDir(t), "s"),
		"not UTF-8":        filepath.Join(t.TempDir(), "\xff\xfe"),
		"an at sign":       filepath.Join(t.TempDir(), "@s"),
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t, s, path)
			if l.Addr().String() != path {
				t.Errorf("it listens at %q", l.Addr())
			}
			if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
				t.Fatalf("the socket is %v, %v", info, err)
			}
			near, err := s.Dial(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer near.Close()
			far, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer far.Close()
			expectTwoHalves(t, near, far)
			expectTwoHalves(t, far, near)
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after Close there is %v", err)
			}
			if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("accepting after Close: %v", err)
			}
		})
	}
}

func longDir(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 200))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// expectTwoHalves writes and half-closes one way.
func expectTwoHalves(t *testing.T, from, to net.Conn) {
	t.Helper()
	go func() {
		io.WriteString(from, "words")
		from.(interface{ CloseWrite() error }).CloseWrite()
	}()
	if got, err := io.ReadAll(to); err != nil || string(got) != "words" {
		t.Errorf("%q arrived, %v", got, err)
	}
}

func TestErrorsSayWhatTheSystemSays(t *testing.T) {
	s := sockets(t, mine())
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(dir, "stale")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	old.Close()
	dial := func(path string) error { _, err := s.Dial(t.Context(), path); return err }
	bind := func(path string, unlink bool) error { _, err := s.Listen(t.Context(), path, unlink); return err }
	for _, c := range []struct {
		name      string
		got, want error
	}{
		{"dialling nothing", dial(filepath.Join(dir, "none")), fs.ErrNotExist},
		{"dialling the empty path", dial(""), fs.ErrNotExist},
		{"dialling an abstract socket", dial("\x00abstract"), unix.EINVAL},
		{"dialling where nobody listens", dial(stale), unix.ECONNREFUSED},
		{"dialling a file", dial(file), unix.ECONNREFUSED},
		{"dialling through a file", dial(file + "/s"), unix.ENOTDIR},
		{"listening where a file is", bind(file, false), fs.ErrExist},
		{"listening where a file is, to unlink", bind(file, true), fs.ErrExist},
		{"listening where a socket is", bind(stale, false), fs.ErrExist},
		{"listening in no directory", bind(filepath.Join(dir, "none", "s"), false), fs.ErrNotExist},
		{"listening on an abstract socket", bind("\x00abstract", false), unix.EINVAL},
		{"listening on a directory", bind(dir+"/", false), unix.EISDIR},
		{"listening with a name too long", bind(filepath.Join(dir, strings.Repeat("n", 200)), false), unix.ENAMETOOLONG},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
	l, err := s.Listen(t.Context(), stale, true)
	if err != nil {
		t.Fatalf("unlinking a stale socket: %v", err)
	}
	l.Close()
}

func TestThePermissionsAreTheAccounts(t *testing.T) {
	rig.NeedRoot(t)
	s := sockets(t, accountOf(65534))
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Listen(t.Context(), filepath.Join(dir, "s"), false); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("listening in root's directory: %v", err)
	}
	if _, err := s.Dial(t.Context(), filepath.Join(dir, "s")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("dialling in root's directory: %v", err)
	}
}

func TestARelativePathBeginsAtTheHome(t *testing.T) {
	a := mine()
	a.Home = t.TempDir()
	s := sockets(t, a)
	for _, name := range []string{"s", "@at"} {
		listen(t, s, name)
		if _, err := os.Lstat(filepath.Join(a.Home, name)); err != nil {
			t.Error(err)
		}
		c, err := s.Dial(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}

func TestPrivateThingsAreTheAccountsAloneAndGoWithTheListenerOrAll(t *testing.T) {
	s := sockets(t, mine())
	l, socket, err := s.ListenPrivate(t.Context(), "agent.1")
	if err != nil {
		t.Fatal(err)
	}
	file, _, err := s.WritePrivate(t.Context(), "xauthority", []byte("cookie"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{
		socket: fs.ModeSocket | 0o600, filepath.Dir(socket): fs.ModeDir | 0o700,
		file: 0o600, filepath.Dir(file): fs.ModeDir | 0o700,
	} {
		if info, err := os.Lstat(path); err != nil || info.Mode() != want {
			t.Errorf("%s is %v, %v, want %v", path, info, err, want)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "cookie" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	l.Close()
	expectGone(t, socket, filepath.Dir(socket))
	second, remove, err := s.WritePrivate(t.Context(), "xauthority", nil)
	if err != nil {
		t.Fatal(err)
	}
	remove()
	remove()
	expectGone(t, second, filepath.Dir(second))
	if _, err := os.Lstat(file); err != nil {
		t.Errorf("the other file: %v", err)
	}
	s.Close()
	expectGone(t, file, filepath.Dir(file))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := s.WritePrivate(t.Context(), "late", nil); err == nil {
		t.Error("a file could be written after Close")
	}
}

func expectGone(t *testing.T, paths ...string) {
	t.Helper()
	rig.Eventually(t, deadline, func() (bool, string) {
		for _, path := range paths {
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				return false, path + " is there"
			}
		}
		return true, ""
	})
}

func TestANameThatIsAPathIsRefused(t *testing.T) {
	s := sockets(t, mine())
	for _, name := range []string{"", ".", "..", "a/b", "/tmp/x", "x/", "nul\x00"} {
		if _, _, err := s.WritePrivate(t.Context(), name, nil); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestTMPDIRComesFirstAndAnotherPlaceWhenItIsOfNoUse(t *testing.T) {
	own := t.TempDir()
	for name, c := range map[string]struct {
		tmpdir string
		want   string
	}{
		"of use":                       {own, own},
		"missing":                      {"/no/such/directory", "/tmp"},
		"a path too long for a socket": {longDir(t), "/tmp"},
	} {
		t.Run(name, func(t *testing.T) {
			s := socketsIn(t, c.tmpdir)
			l, path, err := s.ListenPrivate(t.Context(), "agent")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if got := filepath.Dir(filepath.Dir(path)); got != c.want {
				t.Errorf("it is in %s, want %s", got, c.want)
			}
		})
	}
}

func TestCloseRemovesWhatWasMadeAndNothingThatTookItsPlace(t *testing.T) {
	s := sockets(t, mine())
	dir := t.TempDir()
	left, replaced := filepath.Join(dir, "left"), filepath.Join(dir, "replaced")
	listen(t, s, left)
	listen(t, s, replaced)
	if err := os.Remove(replaced); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(replaced, []byte("another's"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Close()
	expectGone(t, left)
	if got, err := os.ReadFile(replaced); err != nil || string(got) != "another's" {
		t.Errorf("what took the place is %q, %v", got, err)
	}
}

func TestConnectionsOutliveCloseAndListenersDoNot(t *testing.T) {
	s := sockets(t, mine())
	path := filepath.Join(t.TempDir(), "s")
	l := listen(t, s, path)
	near, err := s.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	accepted := make(chan error, 1)
	go func() { _, err := l.Accept(); accepted <- err }()
	s.Close()
	if err := <-accepted; err == nil {
		t.Error("a listener takes connections after Close")
	}
	expectTwoHalves(t, near, far)
}

func TestABrokerThatWasKilledIsStartedAgain(t *testing.T) {
	s := sockets(t, mine())
	listen(t, s, filepath.Join(t.TempDir(), "s"))
	for _, p := range rig.Children() {
		syscall.Kill(p.PID, syscall.SIGKILL)
	}
	rig.Eventually(t, deadline, func() (bool, string) {
		l, err := s.Listen(t.Context(), filepath.Join(t.TempDir(), "s"), false)
		if err != nil {
			return false, err.Error()
		}
		l.Close()
		return true, ""
	})
}

// The runner can do nothing any more, so the helper has to see to everything.
func TestNothingIsLeftWhenTheRunnerIsKilled(t *testing.T) {
	accounts := map[string]int{"own account": os.Getuid()}
	if os.Getuid() == 0 {
		accounts["not root"] = 65534
	}
	for name, uid := range accounts {
		t.Run(name, func(t *testing.T) {
			dir := openDir(t)
			path := filepath.Join(dir, "s")
			runner, made := startRunner(t, uid, dir, path)
			brokers := rig.Processes(func(p rig.Process) bool { return p.PPID == runner.Process.Pid })
			if len(brokers) != 1 {
				t.Fatalf("the runner's children are %v", brokers)
			}
			runner.Process.Kill()
			runner.Wait()
			expectGone(t, path, made[0], filepath.Dir(made[0]), made[1], filepath.Dir(made[1]), "/proc/"+strconv.Itoa(brokers[0].PID))
		})
	}
}

// openDir is a directory that every account can write, and enter from the root.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "helper-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startRunner starts a runner as an account, and returns what it made beside the socket at path.
func startRunner(t *testing.T, uid int, dir, path string) (runner *exec.Cmd, made []string) {
	t.Helper()
	helper, err := os.ReadFile(helperPath(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "helper"), helper, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Open("/proc/self/exe") // whose directory another account cannot enter
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	runner = &exec.Cmd{Path: "/proc/self/fd/3", Args: []string{"runner", path}, ExtraFiles: []*os.File{self}, Stderr: os.Stderr, Dir: "/"}
	runner.Env = append(os.Environ(), asRunner+"="+filepath.Join(dir, "helper"))
	if uid != os.Getuid() {
		runner.SysProcAttr = asUser(uid)
	}
	in, err := runner.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	out, err := runner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := runner.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); len(made) < 2 && lines.Scan(); {
		made = append(made, lines.Text())
	}
	if len(made) != 2 {
		runner.Wait()
		t.Fatalf("the runner made %q", made)
	}
	return runner, made
}

func TestACallerThatGivesUpIsNotKeptWaiting(t *testing.T) {
	s := sockets(t, mine())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Dial(ctx, "/no/matter"); !errors.Is(err, context.Canceled) {
		t.Errorf("dialling for nobody: %v", err)
	}
}
