// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	gossh "golang.org/x/crypto/ssh"

	"switchyard/test/ports"
)

// listen serves every connection to a loopback port until the test ends.
func (h *host) listen(t testing.TB) net.Addr {
	t.Helper()
	server, err := New(h.cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.ctx)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { server.Serve(ctx, conn, h.grant) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		cancel()
		serving.Wait()
	})
	return l.Addr()
}

// openSSH is the system's client.
func openSSH(t testing.TB) string {
	t.Helper()
	return tool(t, "ssh")
}

// tool is a program of the system's, which the tests that need it skip without, but never where CI promises it.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("there is no %s, and CI must have it", name)
	}
	if err != nil {
		t.Skipf("there is no %s", name)
	}
	return path
}

// sshOptions are the client's options that reach the host and verify its key.
func (h *host) sshOptions(t testing.TB, addr net.Addr) []string {
	t.Helper()
	a := addr.(*net.TCPAddr)
	known := filepath.Join(t.TempDir(), "known_hosts")
	line := append([]byte("web "), gossh.MarshalAuthorizedKey(h.signer.PublicKey())...)
	if err := os.WriteFile(known, line, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"-F", "none", "-p", itoa(a.Port), "-l", h.login, "-o", "HostName=127.0.0.1",
		"-o", "HostKeyAlias=web", "-o", "UserKnownHostsFile=" + known, "-o", "GlobalKnownHostsFile=none",
		"-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "IdentityAgent=none",
		"-o", "PreferredAuthentications=none"}
}

// ssh is a command of the system's client to the host.
func (h *host) ssh(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	ssh := openSSH(t)
	return exec.Command(ssh, append(h.sshOptions(t, h.listen(t)), args...)...)
}

// outcome runs a command and returns its outputs and its exit status.
func outcome(t testing.TB, cmd *exec.Cmd) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestOpenSSHRunsCommands(t *testing.T) {
	h := newHost(t)
	cmd := h.ssh(t, "-o", "SetEnv=GREETING=hello", "web", `cat; echo "$GREETING" "$SSH_CLIENT" >&2; exit 42`)
	cmd.Stdin = strings.NewReader("input\n")
	stdout, stderr, status := outcome(t, cmd)
	if stdout != "input\n" || stderr != "hello 192.0.2.7 1234 65535\n" || status != 42 {
		t.Errorf("got stdout %q, stderr %q, status %d", stdout, stderr, status)
	}
}

func TestOpenSSHSeesTheStatusOfEachKindOfEnd(t *testing.T) {
	h := newHost(t)
	options := h.sshOptions(t, h.listen(t))
	for command, want := range map[string]int{
		"exit 0": 0, "exit 1": 1, "exit 127": 127, "exit 255": 255, "kill -KILL $$": 255, "no-such-command-here": 127,
	} {
		_, stderr, status := outcome(t, exec.Command(openSSH(t), append(slices.Clone(options), "web", command)...))
		if status != want {
			t.Errorf("%s: status %d, want %d (%s)", command, status, want, stderr)
		}
	}
}

func TestOpenSSHSeesExitStatusThenEOFThenClose(t *testing.T) {
	_, stderr, _ := outcome(t, newHost(t).ssh(t, "-vvv", "web", "echo out; exit 3"))
	status := strings.Index(stderr, "rtype exit-status")
	eof := strings.Index(stderr, "rcvd eof")
	closed := strings.Index(stderr, "rcvd close")
	if status < 0 || eof < status || closed < eof {
		t.Errorf("exit-status at %d, EOF at %d, close at %d of\n%s", status, eof, closed, stderr)
	}
}

func TestOpenSSHShowsWhyALoginIsRefused(t *testing.T) {
	h := newHost(t)
	h.login = "eve"
	_, stderr, status := outcome(t, h.ssh(t, "web", "true"))
	if status != 255 || !strings.Contains(stderr, `switchyard: there is no login "eve" in container "web"`) {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

func TestOpenSSHShowsWhyTheServerEnds(t *testing.T) {
	h := newHost(t)
	cmd := h.ssh(t, "web", "echo up; sleep 1000")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	readUntil(t, out, "up\n")
	h.cancel(errors.New(`container "web" has ended with exit code 3`))
	io.Copy(io.Discard, out)
	if err := cmd.Wait(); err == nil || !strings.Contains(stderr.String(), `switchyard: container "web" has ended with exit code 3`) {
		t.Errorf("%v, stderr %q", err, stderr.String())
	}
}

func TestOpenSSHTerminalHasItsSizeItsModesAndItsResizes(t *testing.T) {
	h := newHost(t)
	cmd := h.ssh(t, "-tt", "web", `stty size; echo "$TERM"; until [ "$(stty size)" = "7 99" ]; do sleep 0.02; done; echo seen; read x; echo "<$x>"; exit 5`)
	cmd.Env = append(os.Environ(), "TERM=vt220")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 33, Cols: 121})
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	out := ttyOutput{tty}
	if got := readUntil(t, out, "vt220\r\n"); !strings.Contains(got, "33 121\r\n") {
		t.Errorf("got %q", got)
	}
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 7, Cols: 99}); err != nil {
		t.Fatal(err)
	}
	readUntil(t, out, "seen\r\n")
	io.WriteString(tty, "line\r")
	readUntil(t, out, "<line>\r\n")
	io.Copy(io.Discard, out)
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 5 {
		t.Errorf("status %d", got)
	}
	if modes := h.target.lastCommand(t).Pty.Modes; len(modes) < 20 || !slices.Contains(modes, TerminalMode{3, 127}) {
		t.Errorf("the modes are %v, want among them VERASE as DEL", modes)
	}
}

func TestOpenSSHSharesAConnectionAmongSessions(t *testing.T) {
	h := newHost(t)
	socket := filepath.Join(t.TempDir(), "mux")
	options := h.sshOptions(t, h.listen(t))
	ssh := func(args ...string) *exec.Cmd {
		return exec.Command(openSSH(t), append(append(slices.Clone(options), "-S", socket), args...)...)
	}
	master := ssh("-M", "-N", "web")
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the master", func() bool { return ssh("-O", "check", "web").Run() == nil })
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			cmd := ssh("web", "cat; exit "+itoa(i))
			cmd.Stdin = strings.NewReader(strings.Repeat(itoa(i), 100000))
			out, _ := cmd.Output()
			if len(out) != 100000 || cmd.ProcessState.ExitCode() != i {
				t.Errorf("session %d: %d bytes, status %d", i, len(out), cmd.ProcessState.ExitCode())
			}
		})
	}
	all.Wait()
	if err := ssh("-O", "exit", "web").Run(); err != nil {
		t.Error(err)
	}
	master.Wait()
}

func TestOpenSSHForwardsALocalPort(t *testing.T) {
	h := newHost(t)
	port, accepted := listener(t)
	socket := filepath.Join(t.TempDir(), "local")
	cmd := h.ssh(t, "-N", "-L", socket+":127.0.0.1:"+itoa(port), "web")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	var local net.Conn
	eventually(t, "the local socket", func() (ok bool) {
		var err error
		local, err = net.Dial("unix", socket)
		return err == nil
	})
	defer local.Close()
	inside := receive(t, accepted)
	io.WriteString(local, "question")
	local.(*net.UnixConn).CloseWrite()
	if got := readAll(t, inside); got != "question" {
		t.Errorf("the inside got %q", got)
	}
	io.WriteString(inside, "answer")
	inside.Close()
	if got := readAll(t, local); got != "answer" {
		t.Errorf("the client got %q", got)
	}
}

func TestOpenSSHForwardsItsStandardInput(t *testing.T) {
	h := newHost(t)
	port, accepted := listener(t)
	var echoing sync.WaitGroup
	echoing.Go(func() {
		inside := <-accepted
		all, _ := io.ReadAll(inside)
		inside.Write(bytes.ToUpper(all))
		inside.Close()
	})
	cmd := h.ssh(t, "-W", "127.0.0.1:"+itoa(port), "web")
	cmd.Stdin = strings.NewReader(strings.Repeat("abc", 1<<20))
	stdout, stderr, status := outcome(t, cmd)
	if stdout != strings.Repeat("ABC", 1<<20) || status != 0 {
		t.Errorf("got %d bytes, status %d, stderr %q", len(stdout), status, stderr)
	}
	echoing.Wait()
}

func TestOpenSSHShowsThatAForwardWasRefused(t *testing.T) {
	_, stderr, status := outcome(t, newHost(t).ssh(t, "-W", "127.0.0.1:"+itoa(ports.Refusing(t)), "web"))
	if status == 0 || !strings.Contains(stderr, "connect failed: connection refused") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

func TestOpenSSHEndsWhenItsOutputHasNoReader(t *testing.T) {
	h := newHost(t)
	cmd := h.ssh(t, "web", "yes; test $? = 141 && exit 7")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	readUntil(t, out, "y\n")
	out.Close()
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 7 {
		t.Errorf("status %d, want 7 for the death of yes by SIGPIPE", got)
	}
}

func TestOpenSSHKeepsALongSessionThroughRekeying(t *testing.T) {
	cmd := newHost(t).ssh(t, "-o", "RekeyLimit=1M", "web", "cat")
	cmd.Stdin = io.LimitReader(zeros{}, 16<<20)
	stdout, stderr, status := outcome(t, cmd)
	if len(stdout) != 16<<20 || status != 0 {
		t.Errorf("got %d bytes, status %d, stderr %q", len(stdout), status, stderr)
	}
}
