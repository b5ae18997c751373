// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"switchyard/test/rig"
)

// testAgent is OpenSSH's agent, forwarded.
func testAgent(t *testing.T, f *fleet) {
	rig.NeedTool(t, "ssh-agent")
	socket, key := f.startAgent(t)
	with := func(args ...string) *exec.Cmd {
		return f.ssh(append([]string{"-A", "-o", "IdentityAgent=" + socket}, args...)...)
	}
	t.Run("its socket", func(t *testing.T) { f.each(t, func(t *testing.T, x *target) { agentSocket(t, x, key, with) }) })
	t.Run("ssh-add inside", func(t *testing.T) {
		f.each(t, func(t *testing.T, x *target) {
			if got := ok(t, with(x.alias, "ssh-add -l")); !strings.Contains(got, ssh.FingerprintSHA256(key)) {
				t.Errorf("got %q", got)
			}
		}, rig.Debian)
	})
}

// startAgent starts one with a key.
func (f *fleet) startAgent(t *testing.T) (socket string, key ssh.PublicKey) {
	t.Helper()
	socket = filepath.Join(shortDir(t), "agent")
	log := background(t, f.command("ssh-agent", "-D", "-a", socket))
	connect(t, log, "unix", socket).Close()
	file := filepath.Join(t.TempDir(), "key")
	ok(t, f.command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file))
	add := f.command("ssh-add", "-q", file)
	add.Env = append(add.Env, "SSH_AUTH_SOCK="+socket)
	ok(t, add)
	public, err := os.ReadFile(file + ".pub")
	must(t, err)
	key, _, _, _, err = ssh.ParseAuthorizedKey(public)
	must(t, err)
	return socket, key
}

// agentSocket asks the agent by the socket that a process in the container is told of.
func agentSocket(t *testing.T, x *target, key ssh.PublicKey, with func(...string) *exec.Cmd) {
	session, environ := x.sleep(t, 600000, with)
	inside := environ["SSH_AUTH_SOCK"]
	info, err := os.Stat(x.root + inside)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v", info.Mode())
	}
	x.owned(t, x.root+inside)
	c, err := net.Dial("unix", x.root+inside)
	must(t, err)
	defer c.Close()
	keys, err := agent.NewClient(c).List()
	if err != nil || len(keys) != 1 || string(keys[0].Marshal()) != string(key.Marshal()) {
		t.Errorf("the agent has %v, %v", keys, err)
	}
	session.cmd.Process.Kill()
	session.cmd.Wait()
	rig.Eventually(t, deadline, func() (bool, string) {
		_, err := os.Stat(x.root + filepath.Dir(inside))
		return os.IsNotExist(err), fmt.Sprint("the socket's directory stays: ", err)
	})
}

// sleep starts a program that any of the images has, and returns its environment.
func (x *target) sleep(t *testing.T, marker int, ssh func(...string) *exec.Cmd) (s *session, environ map[string]string) {
	t.Helper()
	seconds := fmt.Sprint(marker + x.uid)
	program := map[bool]string{true: "exec sleep ", false: "/sleep "}[x.hasShell()]
	s = startSession(t, ssh(x.alias, program+seconds))
	rig.Eventually(t, deadline, func() (bool, string) {
		for _, p := range x.box.Processes(t) {
			if len(p.Args) == 2 && p.Args[1] == seconds {
				environ = environment(p.PID)
			}
		}
		return len(environ) > 0, "it has not started"
	})
	return s, environ
}

// environment is that of a process.
func environment(pid int) map[string]string {
	all := map[string]string{}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	for _, line := range strings.Split(string(text), "\x00") {
		if name, value, ok := strings.Cut(line, "="); ok {
			all[name] = value
		}
	}
	return all
}
