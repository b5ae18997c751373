// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

func TestContainerRunsExecsAndIsGoneAfterTheTest(t *testing.T) {
	engine := NeedDocker(t)
	var id string
	t.Run("running", func(t *testing.T) {
		c := engine.Run(t, ContainerSpec{})
		id = c.ID
		result := c.Exec(t, "sh", "-c", "echo out; echo err >&2; exit 7")
		if result != (Result{"out\n", "err\n", 7}) {
			t.Errorf("Exec: %+v", result)
		}
		if execs := c.Execs(t); len(execs) != 0 {
			t.Errorf("exec instances after the command ended: %q", execs)
		}
	})
	if id == "" {
		return // the subtest says why
	}
	_, err := engine.Client().ContainerInspect(context.Background(), id, client.ContainerInspectOptions{})
	if !errdefs.IsNotFound(err) {
		t.Errorf("inspecting the container after its test: %v, want not found", err)
	}
}

// Under scripts/with-engine all tests share one; a package that is tested alone
// starts its own. On a machine with an engine, that one is used.
func TestAPackageAloneFindsAnEngineAndLeavesNothing(t *testing.T) {
	NeedDocker(t)
	temp, err := os.MkdirTemp("/tmp", "swy-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	cmd := exec.Command(os.Args[0], "-test.run=^TestExecStdin", "-test.v")
	cmd.Env = append(os.Environ(), "DOCKER_HOST=", "TMPDIR="+temp)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestExecStdin") {
		t.Errorf("%v, output:\n%s", err, out)
	}
	if entries, err := os.ReadDir(temp); err != nil || len(entries) > 0 {
		t.Errorf("left: %v (%v)", entries, err)
	}
	left := Processes(func(p Process) bool { return strings.Contains(strings.Join(p.Args, " "), temp) })
	if len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestBusyboxLoginsAreAsDocumented(t *testing.T) {
	c := NeedDocker(t).Run(t, ContainerSpec{})
	for user, want := range map[string]string{
		"":      "uid=0(root) gid=0(root) groups=0(root)|/root",
		"alice": "uid=1000(alice) gid=100(users) groups=100(users),2000(staff)|/home/alice",
		"bob":   "uid=1001(bob) gid=100(users) groups=100(users)|/home/bob",
	} {
		result := c.ExecWith(t, client.ExecCreateOptions{User: user, Cmd: []string{"sh", "-c", "id; echo $HOME"}}, nil)
		got := strings.ReplaceAll(strings.TrimSpace(result.Stdout), "\n", "|")
		if got != want {
			t.Errorf("user %q: %q, want %q", user, got, want)
		}
	}
	c.Shell(t, "test -d /home/alice && test ! -e /home/bob && test ! -e /bin/no-such-shell")
	if got := c.Shell(t, "stat -c %a /tmp"); got != "1777" {
		t.Errorf("mode of /tmp: %s", got)
	}
}

func TestSpecIsHonoured(t *testing.T) {
	c := NeedDocker(t).Run(t, ContainerSpec{
		User: "alice", ReadOnly: true, Env: []string{"A=b c"}, WorkingDir: "/tmp", Hostname: "web", Network: "none",
	})
	if got := c.Shell(t, "whoami; hostname; pwd; echo $A"); got != "alice\nweb\n/tmp\nb c" {
		t.Errorf("got %q", got)
	}
	if result := c.Exec(t, "touch", "/tmp/x"); !strings.Contains(result.Stderr, "Read-only file system") {
		t.Errorf("writing on a read-only file system: %+v", result)
	}
	if got := c.Shell(t, "ls /sys/class/net"); got != "lo" {
		t.Errorf("interfaces with network none: %q", got)
	}
}

func TestExecStdinReachesTheCommandAndEnds(t *testing.T) {
	c := NeedDocker(t).Run(t, ContainerSpec{})
	result := c.ExecWith(t, client.ExecCreateOptions{Cmd: []string{"wc", "-c"}}, strings.NewReader(strings.Repeat("x", 100_000)))
	if strings.TrimSpace(result.Stdout) != "100000" {
		t.Errorf("got %+v", result)
	}
}

func TestExitCodeLogsAndStateFollowTheMainProcess(t *testing.T) {
	c := NeedDocker(t).Run(t, ContainerSpec{Cmd: []string{"sh", "-c", "echo hello; exit 3"}})
	if code := c.Wait(t); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	if log := c.Logs(t); log != "hello\n" {
		t.Errorf("log %q", log)
	}
	if pid := c.PID(t); pid != 0 {
		t.Errorf("PID %d after the end", pid)
	}
}

func TestProcessesOfAContainerAreSeenFromTheMachine(t *testing.T) {
	c := NeedDocker(t).Run(t, ContainerSpec{})
	processes := c.Processes(t)
	if len(processes) != 1 || processes[0].Name != "sleep" || processes[0].PID != c.PID(t) {
		t.Fatalf("processes: %v, want the main one", processes)
	}
	c.Stop(t)
	Eventually(t, time.Minute, func() (bool, string) {
		left := Processes(func(p Process) bool { return p.PID == processes[0].PID && p.Name == "sleep" })
		return len(left) == 0, processes[0].String()
	})
}

func TestScratchHasNothingButItsProgram(t *testing.T) {
	c := NeedDocker(t).Run(t, ContainerSpec{Image: Scratch})
	if result := c.Exec(t, "/bin/sh"); result.ExitCode != 126 && result.ExitCode != 127 {
		t.Errorf("running a shell that is not there: %+v", result)
	}
}

func TestDebianImageRunsItsPrograms(t *testing.T) {
	c := NeedDocker(t).Run(t, ContainerSpec{Image: Debian, User: "alice"})
	for script, want := range map[string]string{
		`echo $BASH_VERSION | grep -c .; echo ~`:                "1\n/home/alice",
		`getent passwd carol`:                                   "carol:x:1002:100:Carol:/home/alice:/bin/no-such-shell",
		`echo hello > /tmp/f; tar -cz -C /tmp f | tar -tz`:      "f",
		`TERM=xterm-256color tput colors`:                       "256",
		`LC_ALL=C.UTF-8 locale charmap`:                         "UTF-8",
		`ps -o comm= -p 1; ls -d /bin/ls /usr/bin/env /bin/awk`: "sleep\n/bin/awk\n/bin/ls\n/usr/bin/env",
	} {
		result := c.Exec(t, "bash", "-c", script)
		if strings.TrimSpace(result.Stdout) != want || result.ExitCode != 0 {
			t.Errorf("%s: %+v, want %q", script, result, want)
		}
	}
}

func TestDebianImageHasWhatClientsNeedAtTheirOtherEnd(t *testing.T) {
	NeedPython(t, "json")
	for _, tool := range []string{"git", "rsync", "scp", "tmux"} {
		NeedTool(t, tool)
	}
	c := NeedDocker(t).Run(t, ContainerSpec{Image: Debian, User: "4711"})
	if got := c.Shell(t, `python3 -c 'import ctypes, json, ssl, tempfile, zipfile; print("python")'`); got != "python" {
		t.Errorf("got %q", got)
	}
	for _, program := range []string{"git --version", "rsync --version", "tmux -V", "command -v scp"} {
		c.Shell(t, program)
	}
}

func TestEveryProgramOfTheDebianImageFindsItsLibraries(t *testing.T) {
	c := NeedDocker(t).Run(t, ContainerSpec{Image: Debian})
	missing := c.Shell(t, `for f in /usr/bin/* /usr/sbin/*; do
		/lib*/ld-linux*.so* --list "$f" 2>&1 | grep "not found" && echo "$f"
	done; true`)
	if missing != "" {
		t.Errorf("libraries missing: %s", missing)
	}
}
