// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestSessionsBehaveAsUnderSshd(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]rig.ContainerSpec{
		"busybox":          {Image: rig.Busybox, Env: []string{"FROM_IMAGE=kept"}},
		"debian":           {Image: rig.Debian, Env: []string{"FROM_IMAGE=kept"}},
		"read-only":        {Image: rig.Busybox, ReadOnly: true, Env: []string{"FROM_IMAGE=kept"}},
		"non-root":         {Image: rig.Busybox, User: "alice", Env: []string{"FROM_IMAGE=kept"}},
		"host as a target": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig.NeedDocker(t)
			w := world.New(t, world.Options{})
			o := world.ContainerOptions{Spec: spec}
			if name == "host as a target" {
				rig.NeedRoot(t)
				o.Target = "host"
			}
			w.Run(t, "web", o)
			t.Run("exec", func(t *testing.T) { checkExec(t, w) })
			t.Run("exit codes", func(t *testing.T) { checkExitCodes(t, w) })
			t.Run("signal deaths", func(t *testing.T) { checkSignalDeaths(t, w) })
			t.Run("stdin", func(t *testing.T) { checkStdin(t, w) })
			t.Run("large output", func(t *testing.T) { checkLargeOutput(t, w) })
			t.Run("environment", func(t *testing.T) { checkEnvironment(t, w) })
			t.Run("one connection", func(t *testing.T) { checkMultiplexing(t, w) })
			if o.Target == "" {
				if got := w.SSHOutput(t, "root@web", "echo $FROM_IMAGE"); got != "kept" {
					t.Errorf("the image's environment is %q, want %q", got, "kept")
				}
			}
		})
	}
}

func checkExec(t *testing.T, w *world.World) {
	if got := w.SSHOutput(t, "root@web", "echo 'a  b' | tr a-z A-Z; echo $((6*7))"); got != "A  B\n42" {
		t.Errorf("a pipe and an expansion give %q", got)
	}
	r := w.SSH(t, "root@web", "echo out; echo err >&2")
	if r.Stdout != "out\n" || r.Stderr != "err\n" || r.Code != 0 {
		t.Errorf("stdout %q, stderr %q, exit code %d", r.Stdout, r.Stderr, r.Code)
	}
	if got := w.SSHOutput(t, "root@web", "id -u; echo $HOME; echo $USER; echo $LOGNAME; pwd"); got != "0\n/root\nroot\nroot\n/root" {
		t.Errorf("the login's identity is %q", got)
	}
	in := strings.NewReader("echo from a shell without terminal; exit 7\n")
	if r := w.SSHInput(t, in, "root@web"); r.Stdout != "from a shell without terminal\n" || r.Code != 7 {
		t.Errorf("a shell request: stdout %q, exit code %d, stderr %q", r.Stdout, r.Code, r.Stderr)
	}
}

func checkExitCodes(t *testing.T, w *world.World) {
	for _, code := range []int{0, 1, 2, 63, 126, 127, 128, 129, 130, 137, 143, 254, 255} {
		if r := w.SSH(t, "root@web", fmt.Sprintf("exit %d", code)); r.Code != code || r.Stderr != "" {
			t.Errorf("exit %d: ssh exits %d, stderr %q", code, r.Code, r.Stderr)
		}
	}
}

// OpenSSH exits 255 when a signal killed the command, and names the signal only with -v.
func checkSignalDeaths(t *testing.T, w *world.World) {
	for _, signal := range []string{"TERM", "KILL", "SEGV", "USR1"} {
		r := w.SSH(t, "-v", "root@web", "kill -"+signal+" $$")
		if r.Code != 255 || !strings.Contains(r.Stderr, "exit-signal") {
			t.Errorf("death by SIG%s: ssh exits %d; an exit-signal was sent: %t", signal, r.Code, strings.Contains(r.Stderr, "exit-signal"))
		}
	}
}

func checkStdin(t *testing.T, w *world.World) {
	data := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	r := w.SSHInput(t, bytes.NewReader(data), "root@web", "sha256sum | cut -d' ' -f1")
	if want := fmt.Sprintf("%x\n", sha256.Sum256(data)); r.Stdout != want || r.Code != 0 {
		t.Errorf("3 MiB through stdin: got %q, want %q; exit code %d, stderr %q", r.Stdout, want, r.Code, r.Stderr)
	}
	r = w.SSHInput(t, bytes.NewReader(data), "root@web", "cat")
	if r.Stdout != string(data) {
		t.Errorf("3 MiB through cat: %d bytes came back, and others", len(r.Stdout))
	}
	if r := w.SSH(t, "-n", "root@web", "cat; echo done"); r.Stdout != "done\n" {
		t.Errorf("ssh -n: %q", r.Stdout)
	}
	if r := w.SSHInput(t, bytes.NewReader(data), "root@web", "head -c 1 >/dev/null; exit 3"); r.Code != 3 {
		t.Errorf("a command that does not read all: exit code %d, stderr %q", r.Code, r.Stderr)
	}
}

// Everything is delivered before the exit status, however fast the exit follows.
func checkLargeOutput(t *testing.T, w *world.World) {
	const size = 20 << 20
	c := w.SSHCommand(t, "root@web", fmt.Sprintf("head -c %d /dev/zero; echo end >&2; exit 9", size))
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for buf := make([]byte, 4096); ; { // small reads: a slow reader
		m, err := out.Read(buf)
		n += m
		if err != nil {
			break
		}
	}
	c.Wait()
	if n != size || c.ProcessState.ExitCode() != 9 || errs.String() != "end\n" {
		t.Errorf("%d bytes of %d, exit code %d, stderr %q", n, size, c.ProcessState.ExitCode(), errs.String())
	}
}

func checkEnvironment(t *testing.T, w *world.World) {
	c := w.SSHCommand(t, "-o", "SetEnv=GREETING=\"hello world\" EMPTY=", "-o", "SendEnv=MULTI", "root@web",
		`printf '%s|' "$GREETING" "${EMPTY-unset}" "$MULTI"`)
	c.Env = append(c.Env, "MULTI=one\ntwo")
	if r := world.Finish(t, c); r.Stdout != "hello world||one\ntwo|" {
		t.Errorf("the environment is %q, stderr %q", r.Stdout, r.Stderr)
	}
	r := w.SSH(t, "-o", "SetEnv=LD_PRELOAD=/x.so", "root@web", "echo ${LD_PRELOAD-refused}")
	if r.Stdout != "refused\n" {
		t.Errorf("LD_PRELOAD reaches the process: %q %q", r.Stdout, r.Stderr)
	}
}

func checkMultiplexing(t *testing.T, w *world.World) {
	socket := filepath.Join(t.TempDir(), "m")
	master := w.SSHCommand(t, "-M", "-N", "-S", socket, "root@web")
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	defer master.Wait()
	defer func() { w.SSH(t, "-S", socket, "-O", "exit", "web") }()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		r := w.SSH(t, "-S", socket, "-O", "check", "web")
		return r.Code == 0, r.Stderr
	})
	const sessions = 8
	results := make(chan string, sessions)
	for i := range sessions {
		c := w.SSHCommand(t, "-S", socket, "root@web", fmt.Sprintf("echo %d; exit %d", i, i))
		go func() { results <- oneLine(c, i) }()
	}
	for range sessions {
		if problem := <-results; problem != "" {
			t.Error(problem)
		}
	}
}

func oneLine(c *exec.Cmd, i int) string {
	out, _ := c.Output()
	if string(out) != fmt.Sprintln(i) || c.ProcessState.ExitCode() != i {
		return fmt.Sprintf("session %d printed %q and exited %d", i, out, c.ProcessState.ExitCode())
	}
	return ""
}
