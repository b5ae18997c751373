// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package forwards

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// sshAgent is an agent of the user's that has one key, until the test ends. It returns the agent's socket and the key's
// fingerprint.
func sshAgent(t *testing.T) (socket, fingerprint string) {
	t.Helper()
	dir := t.TempDir()
	socket, key := filepath.Join(dir, "agent"), filepath.Join(dir, "key")
	world.Background(t, exec.Command(rig.NeedTool(t, "ssh-agent"), "-D", "-a", socket))
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil, fmt.Sprint(err)
	})
	output(t, exec.Command(rig.NeedTool(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key))
	add := exec.Command(rig.NeedTool(t, "ssh-add"), "-q", key)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	output(t, add)
	fields := strings.Fields(output(t, exec.Command("ssh-keygen", "-l", "-f", key)))
	return socket, fields[1]
}

func output(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v: %s", c.Args, err, out)
	}
	return string(out)
}

func TestAgentIsForwardedIntoTheContainer(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	agent, fingerprint := sshAgent(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{Spec: rig.ContainerSpec{Image: rig.Debian}, RunnerArgs: []string{"--exec", "runc"}})
	withAgent := func(args ...string) *exec.Cmd {
		return w.SSHCommand(t, append([]string{"-o", "IdentityAgent=" + agent, "-A"}, args...)...)
	}
	for _, login := range []string{"root", "alice"} {
		t.Run(login, func(t *testing.T) {
			if r := world.Finish(t, withAgent(login+"@web", "ssh-add -l")); !strings.Contains(r.Stdout, fingerprint) {
				t.Errorf("ssh-add inside: %q, %q", r.Stdout, r.Stderr)
			}
			live := withAgent(login+"@web", `stat -c '%U %a' "$SSH_AUTH_SOCK" "${SSH_AUTH_SOCK%/*}"; echo "$SSH_AUTH_SOCK"; cat`)
			in, out := world.Pipes(t, live)
			if err := live.Start(); err != nil {
				t.Fatal(err)
			}
			var path string
			var modes [4]string
			if _, err := fmt.Fscan(out, &modes[0], &modes[1], &modes[2], &modes[3], &path); err != nil {
				t.Fatal(err)
			}
			if want := [4]string{login, "600", login, "700"}; modes != want {
				t.Errorf("the socket and its directory are %q, want %q", modes, want)
			}
			if login == "root" {
				r := w.SSH(t, "alice@web", "SSH_AUTH_SOCK="+path+" ssh-add -l")
				if r.Code == 0 {
					t.Errorf("another login reaches the agent: %q", r.Stdout)
				}
			}
			in.Close()
			io.Copy(io.Discard, out)
			live.Wait()
			rig.Eventually(t, world.Deadline, func() (bool, string) {
				r := web.Exec(t, "ls", "-a", filepath.Dir(path))
				return r.ExitCode != 0, r.Stdout
			})
		})
	}
	if r := w.SSH(t, "root@web", "echo ${SSH_AUTH_SOCK-none}"); r.Stdout != "none\n" {
		t.Errorf("without -A there is %q", r.Stdout)
	}
}

func TestAgentThatCannotBeForwardedDoesNotEndTheSession(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	agent, _ := sshAgent(t)
	w := world.New(t, world.Options{})
	w.Run(t, "web", world.ContainerOptions{RunnerArgs: []string{"--exec", "docker"}})
	run := func(args ...string) world.Result {
		return world.Finish(t, w.SSHCommand(t, append([]string{"-o", "IdentityAgent=" + agent, "-A"}, args...)...))
	}
	if r := run("root@web", "echo ${SSH_AUTH_SOCK-none}"); r.Stdout != "none\n" || strings.Contains(r.Stderr, "switchyard: ") {
		t.Errorf("without a terminal: %q, %q", r.Stdout, r.Stderr)
	}
	if r := run("-tt", "root@web", "echo ${SSH_AUTH_SOCK-none}"); !strings.Contains(r.Stdout+r.Stderr, "switchyard: your agent is not forwarded: ") {
		t.Errorf("with a terminal: %q, %q", r.Stdout, r.Stderr)
	}
}
