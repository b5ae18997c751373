// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/test/rig/proc"
)

// SshdOptions changes the plain sshd. The zero value is one that lets the
// current user in by a fresh key and has everything else at OpenSSH's defaults.
type SshdOptions struct {
	// Config is added in front of the configuration, where it wins
	// (sshd_config(5): the first value counts), one directive per entry.
	Config []string
}

// SSHServer is a running sshd on loopback, for comparison with ours. It ends,
// with all its connections, when the test does.
type SSHServer struct {
	// User is who can log in, Port the port on 127.0.0.1.
	User string
	Port int
	// Identity and KnownHosts are the paths of the client's private key and of a
	// known_hosts file with the server's key.
	Identity, KnownHosts string

	dir string
	cmd *exec.Cmd
	log sshdLog
}

// Sshd starts a plain OpenSSH server with keys of its own on a free port of
// 127.0.0.1. It reads no configuration of the machine.
func Sshd(tb testing.TB, options SshdOptions) *SSHServer {
	tb.Helper()
	program, err := filepath.Abs(NeedTool(tb, "sshd")) // it refuses to run by a relative name
	if err != nil {
		tb.Fatal(err)
	}
	s := &SSHServer{dir: tb.TempDir()}
	if err := s.prepare(NeedTool(tb, "ssh-keygen")); err != nil {
		tb.Fatalf("preparing sshd: %v", err)
	}
	// The free port can be taken before sshd listens on it, so try again.
	for attempt := 1; ; attempt++ {
		err := s.start(program, options)
		if err == nil {
			break
		}
		if attempt == 5 {
			tb.Fatal(err)
		}
	}
	tb.Cleanup(s.stop)
	return s
}

// ClientArgs are the arguments of ssh that reach the server, and nothing of the
// user's own configuration: put options after them, and the command last.
func (s *SSHServer) ClientArgs() []string {
	return []string{
		"-F", "none", "-p", strconv.Itoa(s.Port), "-l", s.User, "-i", s.Identity,
		"-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes",
		"-o", "UserKnownHostsFile=" + s.KnownHosts, "-o", "GlobalKnownHostsFile=none",
		"-o", "StrictHostKeyChecking=yes", "127.0.0.1",
	}
}

// Addr is the server's "host:port".
func (s *SSHServer) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// PID is the number of the process that listens.
func (s *SSHServer) PID() int { return s.cmd.Process.Pid }

// Log is what the server has logged so far.
func (s *SSHServer) Log() string { return s.log.String() }

func (s *SSHServer) file(name string) string { return filepath.Join(s.dir, name) }

// prepare makes the keys.
func (s *SSHServer) prepare(keygen string) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	s.User, s.Identity, s.KnownHosts = me.Username, s.file("identity"), s.file("known_hosts")
	for _, key := range []string{"identity", "host"} {
		out, err := exec.Command(keygen, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", s.file(key)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("making a key: %w: %s", err, out)
		}
	}
	if os.Geteuid() == 0 { // sshd insists, and only the package's unit file makes it
		return os.MkdirAll("/run/sshd", 0o755)
	}
	return nil
}

func (s *SSHServer) start(program string, options SshdOptions) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.Port = port
	if err := s.configure(options); err != nil {
		return err
	}
	s.cmd = exec.Command(program, "-D", "-e", "-f", s.file("sshd_config"))
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("starting sshd: %w", err)
	}
	listening := s.log.follow(bufio.NewScanner(stderr), fmt.Sprintf("Server listening on 127.0.0.1 port %d.", port))
	select {
	case ok := <-listening:
		if ok {
			return nil
		}
	case <-time.After(2 * time.Minute):
	}
	s.stop()
	return fmt.Errorf("starting sshd: it does not listen on port %d; it says: %s", port, s.Log())
}

func (s *SSHServer) configure(options SshdOptions) error {
	hostKey, err := os.ReadFile(s.file("host.pub"))
	if err != nil {
		return err
	}
	known := fmt.Sprintf("[127.0.0.1]:%d %s", s.Port, hostKey)
	if err := os.WriteFile(s.KnownHosts, []byte(known), 0o600); err != nil {
		return err
	}
	config := append(append([]string(nil), options.Config...),
		"ListenAddress 127.0.0.1:"+strconv.Itoa(s.Port),
		"HostKey "+s.file("host"),
		"AuthorizedKeysFile "+s.file("identity.pub"),
		"PidFile none", "StrictModes no", "UsePAM no", "PasswordAuthentication no",
		"KbdInteractiveAuthentication no", "PermitRootLogin yes", "Subsystem sftp internal-sftp")
	return os.WriteFile(s.file("sshd_config"), []byte(strings.Join(config, "\n")+"\n"), 0o600)
}

// stop ends the server and the processes of its connections, which sshd itself
// leaves running when it is told to stop.
func (s *SSHServer) stop() {
	pid := s.cmd.Process.Pid
	for _, p := range proc.Descendants(func(p Process) bool { return p.PID == pid }) {
		if process, err := os.FindProcess(p.PID); err == nil {
			_ = process.Kill()
			_ = process.Release() // not a child of ours, so nothing else closes its handle
		}
	}
	s.log.wait() // Wait would close the pipe under its reader
	_ = s.cmd.Wait()
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// sshdLog keeps the lines that sshd writes.
type sshdLog struct {
	mu    sync.Mutex // guards lines
	lines []string
	done  chan struct{} // closed at the end of the current stream
}

// follow reads to the end in a goroutine that wait waits for. The channel tells
// once whether the awaited line came.
func (l *sshdLog) follow(lines *bufio.Scanner, awaited string) <-chan bool {
	seen := make(chan bool, 2)
	l.done = make(chan struct{})
	go func() {
		defer close(l.done)
		for lines.Scan() {
			if strings.Contains(lines.Text(), awaited) {
				seen <- true
			}
			l.mu.Lock()
			l.lines = append(l.lines, lines.Text())
			l.mu.Unlock()
		}
		seen <- false
	}()
	return seen
}

func (l *sshdLog) wait() { <-l.done }

func (l *sshdLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}
