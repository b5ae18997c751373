// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

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
	"controller killed": func(t *testing.T, w *world.World, _ *world.Container, _ *exec.Cmd) {
		w.Controller.Kill()
		t.Cleanup(func() { w.StartController(t) })
	},
	"runner stopped": func(t *testing.T, _ *world.World, web *world.Container, _ *exec.Cmd) {
		web.Runner.Stop(t)
	},
}

// reaping is a container whose first process waits for the orphans that fall to it. One that does not
// keeps every one of them as a zombie, whoever started it.
var reaping = world.ContainerOptions{
	Spec:       rig.ContainerSpec{Cmd: []string{"sh", "-c", "sleep 1000000 & wait"}},
	RunnerArgs: []string{"--grace", "500ms"},
}

// reapingProcesses is how many processes such a container has by itself.
const reapingProcesses = 2

func TestNothingIsLeftAfterADisconnect(t *testing.T) {
	rig.NeedDocker(t)
	for how, disconnect := range disconnects {
		t.Run(how, func(t *testing.T) {
			w := world.New(t, world.Options{})
			web := w.Run(t, "web", reaping)
			ssh := startTwoSessions(t, w, web)
			for _, c := range ssh {
				disconnect(t, w, web, c)
			}
			expectNothingLeft(t, web)
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
	rig.Eventually(t, commandDeadline, func() (bool, string) {
		r := web.Exec(t, "sh", "-c", "ls /tmp; test -e /tmp/plain && test -e /tmp/shell")
		return r.ExitCode == 0, r.Stdout
	})
	return []*exec.Cmd{plain, shell}
}

func expectNothingLeft(t *testing.T, web *world.Container) {
	t.Helper()
	rig.Eventually(t, commandDeadline, func() (bool, string) {
		left := web.Processes(t)
		execs := web.Execs(t)
		return len(left) == reapingProcesses && len(execs) == 0, fmt.Sprintf("processes %v, exec instances %v", left, execs)
	})
}

// The trap is what nohup does, which this image lacks.
func TestWhatWasDetachedStays(t *testing.T) {
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", reaping)
	w.SSHOutput(t, "root@web", "(trap '' HUP; exec sleep 2001) </dev/null >/dev/null 2>&1 & setsid sleep 2002 </dev/null >/dev/null 2>&1 & sleep 2003 </dev/null >/dev/null 2>&1 & :")
	rig.Eventually(t, commandDeadline, func() (bool, string) {
		out := web.Shell(t, "ps -o args")
		stays := strings.Contains(out, "sleep 2001") && strings.Contains(out, "sleep 2002")
		return stays && !strings.Contains(out, "sleep 2003"), out
	})
}

// A cut network sends nobody a FIN: only the controller's own probes find out.
func TestNothingIsLeftAfterTheNetworkWasCut(t *testing.T) {
	rig.NeedDocker(t)
	n := newNetwork(t)
	w := world.New(t, world.Options{Host: n.near, ControllerArgs: []string{"--keepalive", "1s"}})
	web := w.Run(t, "web", reaping)
	c := w.SSHCommand(t, "root@web", "touch /tmp/plain; sleep 1000")
	c.Args = append([]string{"ip", "netns", "exec", n.name}, c.Args...)
	c.Path = rig.NeedTool(t, "ip")
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
	rig.Eventually(t, commandDeadline, func() (bool, string) {
		r := web.Exec(t, "ls", "/tmp/plain")
		return r.ExitCode == 0, r.Stderr
	})
	n.cut(t)
	expectNothingLeft(t, web)
}

// network is a network namespace with one link to this machine.
type network struct{ name, near, far, link string }

// testNets are the networks for documentation (RFC 5737), which lead nowhere else. A machine that uses
// one for itself has another left.
var testNets = []string{"192.0.2", "198.51.100", "203.0.113"}

func newNetwork(t *testing.T) *network {
	t.Helper()
	rig.NeedRoot(t)
	ip := rig.NeedTool(t, "ip")
	name := fmt.Sprintf("swy-%d", freePort(t))
	prefix := freeNet(t)
	n := &network{name: name, link: name, near: prefix + ".1", far: prefix + ".2"}
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(ip, args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %q: %v: %s", args, err, out)
		}
	}
	run("netns", "add", n.name)
	t.Cleanup(func() {
		exec.Command(ip, "link", "del", n.link).Run()
		exec.Command(ip, "netns", "del", n.name).Run()
	})
	run("link", "add", n.link, "type", "veth", "peer", "name", "eth0", "netns", n.name)
	run("addr", "add", n.near+"/30", "dev", n.link)
	run("link", "set", n.link, "up")
	run("-n", n.name, "addr", "add", n.far+"/30", "dev", "eth0")
	run("-n", n.name, "link", "set", "eth0", "up")
	return n
}

// freeNet is the first three numbers of a test network that this machine does not use.
func freeNet(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	used := fmt.Sprint(addresses)
	for _, prefix := range testNets {
		if !strings.Contains(used, prefix+".") {
			return prefix
		}
	}
	t.Fatalf("this machine uses all of %v: %s", testNets, used)
	return ""
}

func (n *network) cut(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("ip", "link", "set", n.link, "down").CombinedOutput(); err != nil {
		t.Fatalf("cutting the network: %v: %s", err, out)
	}
}
