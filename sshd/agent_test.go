// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"switchyard/api"
)

// agentSession runs a command that was promised the agent.
func agentSession(t *testing.T, c *gossh.Client, command string) string {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if ok, err := s.SendRequest("auth-agent-req@openssh.com", true, nil); !ok {
		t.Fatalf("the request was refused: %v", err)
	}
	out, err := s.Output(command)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestAgentSocketIsOneForTheConnectionAndGoesWithIt(t *testing.T) {
	h, _ := newFileHost(t)
	c, s := h.dial("app")
	opens := c.HandleChannelOpen("auth-agent@openssh.com")
	first, second := agentSession(t, c, "echo $SSH_AUTH_SOCK"), agentSession(t, c, "echo $SSH_AUTH_SOCK")
	if first == "" || first != second || !strings.HasPrefix(filepath.Base(first), "agent.") {
		t.Errorf("the sessions have %q and %q", first, second)
	}
	if r := run(t, c, "echo $SSH_AUTH_SOCK", ""); strings.TrimSpace(r.stdout) == first {
		t.Error("a session that did not ask has the agent, too")
	}
	inside, err := net.Dial("unix", first)
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	open := receive(t, opens)
	if len(open.ExtraData()) != 0 {
		t.Errorf("the open has a payload: %q", open.ExtraData())
	}
	ch, requests, err := open.Accept()
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(requests)
	go func() { io.WriteString(inside, "sign this"); inside.(*net.UnixConn).CloseWrite() }()
	if got := readAll(t, ch); got != "sign this" {
		t.Errorf("the agent got %q", got)
	}
	c.Close()
	s.wait(t)
	if _, err := os.Stat(first); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket after the connection's end: %v", err)
	}
}

func TestSessionsThatAskAtOnceGetOneAgent(t *testing.T) {
	h, target := newFileHost(t)
	c, _ := h.dial("app")
	paths := make(chan string, 10)
	var all sync.WaitGroup
	for range cap(paths) {
		all.Go(func() {
			s, err := c.NewSession()
			if err != nil {
				return
			}
			defer s.Close()
			s.SendRequest("auth-agent-req@openssh.com", true, nil)
			out, _ := s.Output("echo $SSH_AUTH_SOCK")
			paths <- string(out)
		})
	}
	all.Wait()
	first := <-paths
	for range cap(paths) - 1 {
		if got := receive(t, paths); got != first {
			t.Errorf("got %q and %q", first, got)
		}
	}
	if n := len(target.opened); n != 1 {
		t.Errorf("Sockets was asked for %d times", n)
	}
}

func TestAgentThatCannotBeForwardedLeavesTheSessionAlone(t *testing.T) {
	h, target := newFileHost(t)
	target.fails = errors.New("the directory /tmp is read-only")
	c, _ := h.dial("app")
	for _, terminal := range []bool{false, true} {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var stdout, stderr strings.Builder
		s.Stdout, s.Stderr = &stdout, &stderr
		if terminal {
			s.RequestPty("xterm", 24, 80, nil)
		}
		s.SendRequest("auth-agent-req@openssh.com", true, nil)
		if err := s.Run("unset HOME; echo fine"); err != nil || !strings.HasPrefix(stdout.String(), "fine") {
			t.Errorf("stdout %q, %v", stdout.String(), err)
		}
		told := strings.Count(stderr.String(), "switchyard: your agent is not forwarded: making a socket for the agent: the directory /tmp is read-only\r\n") == 1
		if told != terminal {
			t.Errorf("with a terminal %v: stderr is %q", terminal, stderr.String())
		}
	}
}

func TestAgentRequestsThatMayNotBeAreRefused(t *testing.T) {
	h, _ := newFileHost(t)
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	mustRefuse(t, ch, "auth-agent-req@openssh.com", []byte("x"))
	mustAccept(t, ch, "exec", execMsg{"cat"})
	mustRefuse(t, ch, "auth-agent-req@openssh.com", nil)
	ch.Close()

	h, _ = newFileHost(t)
	h.grant.Features = []api.Feature{api.FeatureShell}
	c, _ = h.dial("app")
	ch, _ = openChannel(t, c)
	mustRefuse(t, ch, "auth-agent-req@openssh.com", nil)
	ch.Close()

	other, target := newFileHost(t)
	h = other
	target.refuses = errors.New("not by docker exec")
	c, _ = h.dial("app")
	ch, _ = openChannel(t, c)
	mustRefuse(t, ch, "auth-agent-req@openssh.com", nil)
	ch.Close()
}

// TestOpenSSHForwardsItsAgent asks the user's agent from inside for its keys.
func TestOpenSSHForwardsItsAgent(t *testing.T) {
	for _, name := range []string{"ssh-agent", "ssh-add", "ssh-keygen"} {
		tool(t, name)
	}
	dir := t.TempDir()
	socket, key := filepath.Join(dir, "agent"), filepath.Join(dir, "key")
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { agent.Process.Kill(); agent.Wait() }()
	eventually(t, "the agent", func() bool { // whose socket is there before it listens
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "the user's", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	add := exec.Command("ssh-add", "-q", key)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	h, _ := newFileHost(t)
	args := append([]string{"-o", "IdentityAgent=" + socket}, h.sshOptions(t, h.listen(t))...) // the first one counts
	cmd := exec.Command(openSSH(t), append(args, "-A", "web", "ssh-add -l")...)
	stdout, stderr, status := outcome(t, cmd)
	if status != 0 || !strings.Contains(stdout, "the user's") {
		t.Errorf("ssh-add -l inside: %q, %q, status %d", stdout, stderr, status)
	}
}
