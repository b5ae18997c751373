// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package remapped

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"switchyard/test/e2e/internal/leftover"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// serve serves a container on an engine that remaps users.
func serve(t *testing.T, o world.ContainerOptions) (*world.World, *world.Container) {
	t.Helper()
	rig.NeedRoot(t)
	o.Engine = rig.NeedRemappedDocker(t)
	w := world.New(t, world.Options{})
	return w, w.Run(t, "web", o)
}

// eachExec runs a test for each way to start processes, at once.
func eachExec(t *testing.T, test func(t *testing.T, flags ...string)) {
	t.Helper()
	for _, way := range []string{"docker", "runc"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			test(t, "--exec", way)
		})
	}
}

func TestCommandsAndTerminals(t *testing.T) {
	t.Parallel()
	eachExec(t, func(t *testing.T, flags ...string) {
		w, _ := serve(t, world.ContainerOptions{RunnerArgs: flags})
		for login, id := range map[string]string{"root": "0 0", "alice": "1000 100"} {
			r := w.SSHInput(t, strings.NewReader("sent"), login+"@web", "echo $(id -u) $(id -g); cat; echo apart >&2; exit 7")
			if r.Stdout != id+"\nsent" || r.Stderr != "apart\n" || r.Code != 7 {
				t.Errorf("%s: %+v", login, r)
			}
		}
		terminal := world.OpenTerminal(t, w.SSHCommand(t, "-e", "none", "root@web"), pty.Winsize{Rows: 33, Cols: 99})
		io.WriteString(terminal, "stty size; stat -c 'owner %u' $(tty); exit 5\n")
		terminal.Expect(t, "33 99")
		terminal.Expect(t, "owner 0\r\n")
		if code := terminal.End(); code != 5 {
			t.Errorf("the shell's exit code is %d", code)
		}
	})
}

// expectOwner expects a file to be a user's of the container, whom the machine calls another.
func expectOwner(t *testing.T, web *world.Container, path string, uid uint32) {
	t.Helper()
	if got := web.Shell(t, "stat -c %u "+path); got != fmt.Sprint(uid) {
		t.Errorf("%s is %s's inside, want %d", path, got, uid)
	}
	info, err := os.Stat(fmt.Sprintf("/proc/%d/root%s", web.PID(t), path))
	if err != nil {
		t.Error(err)
	} else if got := info.Sys().(*syscall.Stat_t).Uid; got != rig.RemappedRoot+uid {
		t.Errorf("%s is %d's on the machine, want %d", path, got, rig.RemappedRoot+uid)
	}
}

func TestFilesAreTheLoginsThere(t *testing.T) {
	t.Parallel()
	w, web := serve(t, world.ContainerOptions{RunnerArgs: []string{"--exec", "runc"}})
	content := make([]byte, 1<<20)
	rand.Read(content)
	file, back := filepath.Join(t.TempDir(), "file"), filepath.Join(t.TempDir(), "back")
	if err := os.WriteFile(file, content, 0o640); err != nil {
		t.Fatal(err)
	}
	for login, uid := range map[string]uint32{"root": 0, "alice": 1000} {
		there := "/tmp/of-" + login
		for _, args := range [][]string{{file, login + "@web:" + there}, {login + "@web:" + there, back}} {
			c := w.SSHCommand(t)
			scp := &exec.Cmd{Path: rig.NeedTool(t, "scp"), Args: append([]string{"scp", "-q", "-p", "-F", c.Args[2]}, args...), Env: c.Env, Dir: c.Dir}
			if r := world.Finish(t, scp); r.Code != 0 || r.Stderr != "" {
				t.Fatalf("scp %q: %+v", args, r)
			}
		}
		expectOwner(t, web, there, uid)
		if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes came back, %v", len(got), err)
		}
	}
}

func TestPortsAreForwardedBothWays(t *testing.T) {
	t.Parallel()
	w, web := serve(t, world.ContainerOptions{RunnerArgs: []string{"--exec", "runc"}, Spec: rig.ContainerSpec{
		Cmd: []string{"sh", "-c", "mkdir -p /srv && echo from inside >/srv/index.html && exec httpd -f -p 127.0.0.1:80 -h /srv"},
	}})
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		r := web.Exec(t, "wget", "-qO-", "http://127.0.0.1/")
		return r.ExitCode == 0, r.Stderr
	})
	if r := w.SSHInput(t, strings.NewReader("GET / HTTP/1.0\r\n\r\n"), "-W", "localhost:80", "root@web"); !strings.HasSuffix(r.Stdout, "from inside\n") {
		t.Errorf("into the container: %+v", r)
	}
	near := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) { io.WriteString(answer, "from outside\n") }))
	defer near.Close()
	forward := "90:" + near.Listener.Addr().String()
	if r := w.SSH(t, "-R", forward, "root@web", "wget -qO- http://127.0.0.1:90/"); r.Stdout != "from outside\n" {
		t.Errorf("out of the container: %+v", r)
	}
}

// A key of the user's is used by the way out, the agent's socket, to which one comes by the way in.
func TestSocketsAndTheAgentAreForwardedBothWays(t *testing.T) {
	t.Parallel()
	w, web := serve(t, world.ContainerOptions{RunnerArgs: []string{"--exec", "runc"}})
	dir, err := os.MkdirTemp("/tmp", "swy-") // a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	agent, fingerprint := startAgent(t, dir)
	for login, uid := range map[string]uint32{"root": 0, "alice": 1000} {
		remote, local := "/tmp/out-"+login, filepath.Join(dir, "in-"+login)
		live := w.SSHCommand(t, "-A", "-o", "IdentityAgent="+agent, "-R", remote+":"+agent, login+"@web", `echo "$SSH_AUTH_SOCK"; cat`)
		in, out := world.Pipes(t, live)
		if err := live.Start(); err != nil {
			t.Fatal(err)
		}
		var forwarded string
		if _, err := fmt.Fscan(out, &forwarded); err != nil {
			t.Fatal(err)
		}
		for i, socket := range []string{forwarded, remote} {
			expectOwner(t, web, socket, uid)
			if mode := web.Shell(t, "stat -c '%F %a' "+socket); mode != "socket 600" {
				t.Errorf("%s is a %s", socket, mode)
			}
			way := fmt.Sprint(local, i)
			world.Background(t, w.SSHCommand(t, "-N", "-L", way+":"+socket, login+"@web"))
			awaitSocket(t, way)
			if keys := withAgent(t, way, "ssh-add", "-l"); !strings.Contains(keys, fingerprint) {
				t.Errorf("%s: by %s come the keys %q", login, socket, keys)
			}
		}
		in.Close()
		io.Copy(io.Discard, out)
		live.Wait()
	}
	rig.Eventually(t, world.Deadline, func() (bool, string) { left := web.Shell(t, "ls -A /tmp"); return left == "", left })
}

// startAgent starts an agent that has one key.
func startAgent(t *testing.T, dir string) (socket, fingerprint string) {
	t.Helper()
	socket, key := filepath.Join(dir, "agent"), filepath.Join(dir, "key")
	world.Background(t, exec.Command(rig.NeedTool(t, "ssh-agent"), "-D", "-a", socket))
	awaitSocket(t, socket)
	withAgent(t, socket, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	withAgent(t, socket, "ssh-add", "-q", key)
	return socket, strings.Fields(withAgent(t, socket, "ssh-keygen", "-l", "-f", key))[1]
}

func awaitSocket(t *testing.T, path string) {
	t.Helper()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
		}
		return err == nil, fmt.Sprint(err)
	})
}

// withAgent runs a program of OpenSSH's with an agent, and returns what it says.
func withAgent(t *testing.T, socket, name string, args ...string) string {
	t.Helper()
	c := exec.Command(rig.NeedTool(t, name), args...)
	c.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v: %s", c.Args, err, out)
	}
	return string(out)
}

func TestTheNextRunnerEndsWhatAKilledOneLeft(t *testing.T) {
	t.Parallel()
	eachExec(t, func(t *testing.T, flags ...string) {
		w, web := serve(t, leftover.Served(flags...))
		ssh := w.SSHCommand(t, "root@web", "trap : HUP; sh -c 'sleep 21 & wait' & sleep 22 & echo ready; while :; do sleep 23; done")
		_, out := world.Pipes(t, ssh)
		if err := ssh.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fscan(out, new(string)); err != nil {
			t.Fatal(err)
		}
		killed := web.Runner.PID()
		web.Runner.Kill()
		ssh.Wait()
		if left := web.Processes(t); len(left) <= leftover.Processes {
			t.Errorf("the test proves nothing: there are only %v", left)
		}
		web.StartRunner(t)
		leftover.None(t, web)
		leftover.Recovered(t, web, killed)
		if w.SSHOutput(t, "root@web", "echo works") != "works" {
			t.Error("no session works afterwards")
		}
		web.Runner.Stop(t)
		leftover.NoFiles(t, web)
	})
}
