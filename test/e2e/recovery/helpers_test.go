// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package recovery

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"switchyard/test/e2e/internal/leftover"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// Our own programs in the container end by themselves when their runner is killed. Where they cannot, since they are
// stopped, the next runner ends them, and they take with them what they made.
func TestNoHelperOfAKilledRunnerIsLeft(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	for name, stopped := range map[string]bool{"by-themselves": false, "by-the-next-runner": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := w.Run(t, name, leftover.Served("--exec", "runc"))
			end := startServed(t, w, "root@"+name)
			before := leftover.TracesIn(t, web)
			if len(before.Helpers) != 3 || len(before.Listeners) != 2 {
				t.Errorf("the sessions have %v", before)
			}
			for _, p := range before.Helpers {
				if stopped {
					syscall.Kill(p.PID, syscall.SIGSTOP)
				}
			}
			web.Runner.Kill()
			end()
			if !stopped {
				leftover.NoTraces(t, web)
			} else if left := leftover.TracesIn(t, web); len(left.Helpers) != 3 {
				t.Errorf("the test proves nothing: there is left %v", left)
			}
			killed := web.Runner.PID()
			web.StartRunner(t)
			leftover.NoTraces(t, web)
			leftover.None(t, web)
			leftover.Recovered(t, web, killed)
			web.Runner.Stop(t)
			leftover.NoFiles(t, web)
		})
	}
}

// startServed starts a session with an agent, one with a forwarded socket, and one of sftp, each of which has a helper of
// its own. It returns when all have begun, with what waits for their end.
func startServed(t *testing.T, w *world.World, login string) (wait func()) {
	t.Helper()
	socket := refusing(t)
	agent := begun(t, w, "", "ready\n", "-A", "-o", "IdentityAgent="+socket, login,
		`test -S "$SSH_AUTH_SOCK" && echo ready; read x`)
	forward := begun(t, w, "", "ready\n", "-R", "/tmp/forwarded:"+socket, login,
		`until test -S /tmp/forwarded; do sleep 0.1; done; echo ready; read x`)
	sftp := begun(t, w, "\x00\x00\x00\x05\x01\x00\x00\x00\x03", "\x00", "-s", login, "sftp") // SSH_FXP_INIT, version 3
	return func() { agent(); forward(); sftp() }
}

// refusing is a socket on the user's machine, for an agent and for what ssh -R leads to, that answers nothing.
func refusing(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-over })
	return path
}

// begun starts ssh, and returns when it has answered to an input, with what waits for its end.
func begun(t *testing.T, w *world.World, input, answer string, args ...string) (wait func()) {
	t.Helper()
	c := w.SSHCommand(t, args...)
	in, out := world.Pipes(t, c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(world.Deadline, func() { c.Process.Kill() }) // only bounds a failure
	defer late.Stop()
	io.WriteString(in, input)
	if got, err := bufio.NewReader(out).ReadString(answer[len(answer)-1]); got != answer {
		t.Fatalf("%q: %q, %v", args, got, err)
	}
	return func() { c.Wait(); in.Close() }
}
