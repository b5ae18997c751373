// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package recovery

import (
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"switchyard/test/e2e/internal/leftover"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// disconnects are the ways in which a session can be cut off.
var disconnects = map[string]func(t *testing.T, w *world.World, web *world.Container, ssh *exec.Cmd){
	"client killed": func(_ *testing.T, _ *world.World, _ *world.Container, ssh *exec.Cmd) { ssh.Process.Kill() },
	"client hung up": func(_ *testing.T, _ *world.World, _ *world.Container, ssh *exec.Cmd) {
		ssh.Process.Signal(syscall.SIGHUP)
	},
	"connect killed": func(t *testing.T, _ *world.World, _ *world.Container, ssh *exec.Cmd) {
		for _, p := range rig.Processes(func(p rig.Process) bool { return p.PPID == ssh.Process.Pid }) {
			syscall.Kill(p.PID, syscall.SIGKILL)
		}
	},
	"controller killed": func(_ *testing.T, w *world.World, _ *world.Container, _ *exec.Cmd) { w.Controller.Kill() },
	"runner stopped": func(t *testing.T, _ *world.World, web *world.Container, _ *exec.Cmd) {
		web.Runner.Stop(t)
	},
}

func TestNothingIsLeftAfterADisconnect(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	for how, disconnect := range disconnects {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, world.Options{})
			web := w.Run(t, "web", leftover.Served())
			ssh := startTwoSessions(t, w, web)
			for _, c := range ssh {
				disconnect(t, w, web, c)
			}
			leftover.None(t, web)
			for _, c := range ssh {
				c.Wait()
			}
		})
	}
}

// startTwoSessions starts a command without a terminal that handles SIGHUP and runs on, and a shell on a
// terminal with a background job; both are running when it returns.
func startTwoSessions(t *testing.T, w *world.World, web *world.Container) []*exec.Cmd {
	t.Helper()
	plain := w.SSHCommand(t, "root@web", "trap : HUP; touch /tmp/plain; while :; do sleep 1000; done")
	in, err := plain.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := plain.Start(); err != nil {
		t.Fatal(err)
	}
	shell := w.SSHCommand(t, "-tt", "-e", "none", "root@web")
	f, err := pty.Start(shell)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "sleep 1001 &\nsleep 1002 & touch /tmp/shell; cat\n")
	t.Cleanup(func() { plain.Process.Kill(); shell.Process.Kill(); in.Close(); f.Close() })
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		r := web.Exec(t, "sh", "-c", "ls /tmp; test -e /tmp/plain && test -e /tmp/shell")
		return r.ExitCode == 0, r.Stdout
	})
	return []*exec.Cmd{plain, shell}
}

// The trap is what nohup does, which this image lacks.
func TestWhatWasDetachedStays(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", leftover.Served())
	w.SSHOutput(t, "root@web", `(trap '' HUP; touch /tmp/deaf; exec sleep 2001) </dev/null >/dev/null 2>&1 &
		setsid sh -c 'touch /tmp/apart; exec sleep 2002' </dev/null >/dev/null 2>&1 & sleep 2003 </dev/null >/dev/null 2>&1 &
		until test -e /tmp/deaf -a -e /tmp/apart; do sleep 0.05; done`)
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		out := web.Shell(t, "ps -o args")
		stays := strings.Contains(out, "sleep 2001") && strings.Contains(out, "sleep 2002")
		return stays && !strings.Contains(out, "sleep 2003"), out
	})
}

// A cut network sends nobody a FIN: only the controller's own probes find out.
func TestNothingIsLeftAfterTheNetworkWasCut(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	n := world.NewNetwork(t)
	w := world.New(t, world.Options{Host: n.Near, ControllerArgs: []string{"--keepalive", "1s"}})
	web := w.Run(t, "web", leftover.Served())
	c := w.SSHCommand(t, "root@web", "touch /tmp/plain; sleep 1000")
	n.In(t, c)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer c.Process.Kill()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		r := web.Exec(t, "ls", "/tmp/plain")
		return r.ExitCode == 0, r.Stderr
	})
	n.Cut(t)
	leftover.None(t, web)
}
