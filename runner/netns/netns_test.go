// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netns

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/test/rig"
)

func TestMain(m *testing.M) {
	if os.Getenv(worldVariable) != "" {
		world()
		return
	}
	os.Exit(rig.VerifyNoLeaks(m))
}

// worldVariable makes this test program the process whose namespaces the tests
// enter; its value is the directory that becomes its root.
const worldVariable = "SWITCHYARD_TEST_NETNS_ROOT"

// timeout only bounds a failure.
const timeout = 30 * time.Second

// world is a process in namespaces of its own: a root directory with files to
// find, and a network with nothing but a loopback that an echo server and a
// counting UDP peer listen on. It ends with its standard input.
func world() {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	root := os.Getenv(worldVariable)
	check(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	check(unix.Mount("tmpfs", root, "tmpfs", 0, ""))
	for _, dir := range []string{"old", "etc", "proc"} {
		check(os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	check(unix.Mount("/proc", filepath.Join(root, "proc"), "", unix.MS_BIND|unix.MS_REC, ""))
	check(unix.PivotRoot(root, filepath.Join(root, "old")))
	check(unix.Unmount("/old", unix.MNT_DETACH))
	check(os.Chdir("/"))
	furnish(check)
	check(upLoopback())
	tcp, err := net.Listen("tcp", "[::]:0")
	check(err)
	go echo(tcp)
	os.Stdout.WriteString(tcp.Addr().String() + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// furnish makes what the tests look for.
func furnish(check func(error)) {
	check(os.WriteFile("/etc/passwd", []byte("inside"), 0o600))
	check(os.Symlink("/etc/passwd", "/etc/link"))
	check(os.Symlink("../../../../etc/passwd", "/etc/climbing"))
	check(os.Symlink("/proc/self/root/etc/passwd", "/etc/magic"))
	check(os.Symlink("/etc/loop", "/etc/loop"))
	check(os.Symlink("/proc/kmsg", "/etc/kmsg"))
	check(unix.Mkfifo("/etc/fifo", 0o600))
	check(unix.Mknod("/etc/zero", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))))
	check(os.WriteFile("/etc/limit", make([]byte, MaxFile), 0o600))
	check(os.WriteFile("/etc/huge", nil, 0o600))
	check(os.Truncate("/etc/huge", 1<<30))
	check(os.WriteFile("/etc/secret", []byte("closed to all"), 0))
}

func upLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

func echo(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_, _ = io.Copy(conn, conn)
		}()
	}
}

// enterWorld starts a world and opens it; port is its echo server's.
func enterWorld(t *testing.T) (ns *Process, port uint16, end func()) {
	t.Helper()
	rig.NeedRoot(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), worldVariable+"="+t.TempDir(), "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	// The parent death signal is about the thread that started the child.
	runtime.LockOSThread()
	must(t, cmd.Start())
	end = sync.OnceFunc(func() {
		stdin.Close()
		_ = cmd.Wait()
		runtime.UnlockOSThread()
	})
	t.Cleanup(end)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	address, err := netip.ParseAddrPort(strings.TrimSpace(line))
	must(t, err)
	ns, err = Open(cmd.Process.Pid)
	must(t, err)
	t.Cleanup(func() { ns.Close() })
	return ns, address.Port(), end
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDialReachesTheLoopbackInside(t *testing.T) {
	ns, port, _ := enterWorld(t)
	for _, host := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1"} {
		conn, err := ns.DialContext(t.Context(), "tcp", netip.AddrPortFrom(netip.MustParseAddr(host), port))
		must(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, "there and back")
		must(t, err)
		must(t, conn.(*net.TCPConn).CloseWrite())
		if got, err := io.ReadAll(conn); string(got) != "there and back" || err != nil {
			t.Errorf("%s: %q, %v", host, got, err)
		}
	}
}

func TestDialTellsTheSystemsOwnError(t *testing.T) {
	ns, _, _ := enterWorld(t)
	for address, want := range map[string]error{
		"127.0.0.1:1":    unix.ECONNREFUSED,
		"[::1]:1":        unix.ECONNREFUSED,
		"192.0.2.1:80":   unix.ENETUNREACH,
		"[2001:db8::]:1": unix.ENETUNREACH,
	} {
		conn, err := ns.DialContext(t.Context(), "tcp", netip.MustParseAddrPort(address))
		if conn != nil || !errors.Is(err, want) {
			t.Errorf("%s: %v, %v; want %v", address, conn, err, want)
		}
	}
	if _, err := ns.DialContext(t.Context(), "sctp", netip.MustParseAddrPort("127.0.0.1:1")); err == nil {
		t.Error("an unknown network was dialled")
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	ns, _, _ := enterWorld(t)
	address := netip.MustParseAddrPort("127.0.0.1:2")
	fillBacklog(t, ns, address)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := ns.DialContext(ctx, "tcp", address)
		done <- err
	}()
	rig.Eventually(t, timeout, func() (bool, string) { return connecting(t, ns) })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := ns.DialContext(ctx, "tcp", address); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

// fillBacklog makes a listener inside whose queue is full: it answers no more,
// so that a dial hangs.
func fillBacklog(t *testing.T, ns *Process, address netip.AddrPort) {
	t.Helper()
	fd, err := ns.socket(unix.AF_INET, unix.SOCK_STREAM)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	must(t, unix.Bind(fd, sockaddr(address)))
	must(t, unix.Listen(fd, 0))
	conn, err := ns.DialContext(t.Context(), "tcp", address)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
}

// connecting says whether a socket inside has sent its SYN and waits (state 2
// of /proc/net/tcp).
func connecting(t *testing.T, ns *Process) (bool, string) {
	t.Helper()
	var table []byte
	var err error
	onThread(func() bool {
		if err = ns.enter(unix.CLONE_NEWNET); err == nil {
			table, err = os.ReadFile("/proc/thread-self/net/tcp")
		}
		return false
	})
	must(t, err)
	return strings.Contains(string(table), " 02 "), string(table)
}

func TestThousandsOfDialsAtOnceAllConnect(t *testing.T) {
	ns, port, _ := enterWorld(t)
	address := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	var wg sync.WaitGroup
	for range 2000 {
		wg.Go(func() {
			conn, err := ns.DialContext(t.Context(), "tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			conn.Close()
		})
	}
	wg.Wait()
}

func TestNoThreadStaysInAnotherNamespace(t *testing.T) {
	ns, port, _ := enterWorld(t)
	address := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if conn, err := ns.DialContext(t.Context(), "tcp", address); err == nil {
				conn.Close()
			}
			_, _ = ns.ReadFile(t.Context(), "/etc/passwd")
		})
	}
	wg.Wait()
	for _, name := range []string{"ns/net", "ns/mnt", "root", "cwd"} {
		want, err := os.Readlink("/proc/self/" + name)
		must(t, err)
		// A thread that must die does so after its goroutine has.
		rig.Eventually(t, timeout, func() (bool, string) {
			tasks, _ := filepath.Glob("/proc/self/task/*/" + name)
			for _, task := range tasks {
				if got, err := os.Readlink(task); err == nil && got != want {
					return false, task + " is " + got + ", want " + want
				}
			}
			return len(tasks) > 0, "no threads seen"
		})
	}
}

func TestReadFileReadsInsideAndNowhereElse(t *testing.T) {
	ns, _, _ := enterWorld(t)
	for _, path := range []string{"/etc/passwd", "/etc/link", "/etc/climbing", "/../../etc/passwd"} {
		if got, err := ns.ReadFile(t.Context(), path); string(got) != "inside" || err != nil {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if got, err := ns.ReadFile(t.Context(), "/etc/secret"); string(got) != "closed to all" || err != nil {
		t.Errorf("a file without permissions: %q, %v", got, err)
	}
	if got, err := ns.ReadFile(t.Context(), "/etc/limit"); len(got) != MaxFile || err != nil {
		t.Errorf("a file of the largest size: %d bytes, %v", len(got), err)
	}
}

func TestReadFileRefusesWhatIsNoSmallRegularFile(t *testing.T) {
	ns, _, _ := enterWorld(t)
	for path, want := range map[string]string{
		"/etc/fifo":  "not a regular file",
		"/etc/zero":  "not a regular file",
		"/etc":       "not a regular file",
		"/etc/huge":  "1073741824 bytes",
		"/etc/magic": "too many levels of symbolic links",
		"/etc/loop":  "too many levels of symbolic links",
	} {
		got, err := ns.ReadFile(t.Context(), path)
		if got != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want %q", path, got, err, want)
		}
	}
	if _, err := ns.ReadFile(t.Context(), "/etc/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", err)
	}
}

func TestStatFollowsLinksInside(t *testing.T) {
	ns, _, _ := enterWorld(t)
	info, err := ns.Stat(t.Context(), "/etc/link")
	must(t, err)
	if !info.Mode().IsRegular() || info.Size() != int64(len("inside")) {
		t.Errorf("got %v with %d bytes", info.Mode(), info.Size())
	}
	if _, err := ns.Stat(t.Context(), "/etc/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", err)
	}
}

func TestTheMachinesOwnFilesAreNotTheContainers(t *testing.T) {
	rig.NeedRoot(t)
	// A process with a mount namespace of its own and the machine's root is what
	// a runtime without pivot_root leaves.
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	stdin, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	defer func() {
		stdin.Close()
		_ = cmd.Wait()
	}()
	ns, err := Open(cmd.Process.Pid)
	must(t, err)
	defer ns.Close()
	if got, err := ns.ReadFile(t.Context(), "/etc/passwd"); err == nil || !strings.Contains(err.Error(), "this machine's") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestEverythingFailsWithErrGoneOnceTheProcessHasEnded(t *testing.T) {
	ns, port, end := enterWorld(t)
	if !ns.Alive() {
		t.Error("not alive while it runs")
	}
	end()
	if ns.Alive() {
		t.Error("alive after its end")
	}
	if _, err := ns.ReadFile(t.Context(), "/etc/passwd"); !errors.Is(err, ErrGone) {
		t.Errorf("ReadFile: %v", err)
	}
	address := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	if _, err := ns.DialContext(t.Context(), "tcp", address); !errors.Is(err, ErrGone) {
		t.Errorf("DialContext: %v", err)
	}
	if _, err := Open(1 << 30); err == nil {
		t.Error("a process that cannot exist was opened")
	}
}
