// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestHowACommandEndedIsToldExactly(t *testing.T) {
	t.Parallel()
	eachWay(t, world.ContainerOptions{Spec: rig.ContainerSpec{Adjust: mayDumpCore}},
		promise{"every exit status from 0 to 255 arrives as it is", everyStatusArrives},
		promise{"each signal that kills the command is told by its name", everyDeathIsNamed},
		promise{"OpenSSH exits 255 when a signal killed the command", opensshShowsADeathAs255},
		promise{"a core dump is told where the kernel made one, and nowhere else", coreDumpsAreTold},
		promise{"each signal that the client sends reaches the command", clientSignalsArrive},
		promise{"a signal of the client's kills what does not handle it", clientSignalsKill},
	)
}

func mayDumpCore(o *client.ContainerCreateOptions) {
	o.HostConfig.Ulimits = append(o.HostConfig.Ulimits, &container.Ulimit{Name: "core", Soft: -1, Hard: -1})
}

// Docker takes longer to start each, and has no more to say of one status than of another: some will do.
func everyStatusArrives(t *testing.T, e edge) {
	socket := e.Master(t, e.login("root"))
	step := 1
	if e.way == byDocker {
		step = 17
	}
	places := make(chan struct{}, 4)
	problems := make(chan string, 256)
	var all sync.WaitGroup
	for status := 0; status <= 255; status += step {
		c := e.ssh(t, fmt.Sprintf("exit %d", status), "-S", socket)
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			out, _ := c.CombinedOutput()
			if got := c.ProcessState.ExitCode(); got != status || len(out) > 0 {
				problems <- fmt.Sprintf("exit %d: ssh exits %d and prints %q", status, got, out)
			}
		})
	}
	all.Wait()
	close(problems)
	for p := range problems {
		t.Error(p)
	}
}

// deaths are the signals that kill a process that does nothing about them: those that RFC 4254 section 6.10 names, and
// others in the form that it gives to local ones.
var deaths = map[string]string{
	"ABRT": "ABRT", "ALRM": "ALRM", "FPE": "FPE", "HUP": "HUP", "ILL": "ILL", "INT": "INT", "KILL": "KILL",
	"PIPE": "PIPE", "QUIT": "QUIT", "SEGV": "SEGV", "TERM": "TERM", "USR1": "USR1", "USR2": "USR2",
	"BUS": "BUS@openssh.com", "TRAP": "TRAP@openssh.com", "SYS": "SYS@openssh.com", "XCPU": "XCPU@openssh.com",
	"XFSZ": "XFSZ@openssh.com", "VTALRM": "VTALRM@openssh.com", "PROF": "PROF@openssh.com",
}

// The signal waits for the program that the shell becomes: busybox's shell ignores QUIT.
func everyDeathIsNamed(t *testing.T, e edge) {
	x := e.dial(t)
	for signal, name := range deaths {
		ch := x.open(t)
		ch.exec(t, `ulimit -c 0; (until [ "$(cat /proc/$$/comm)" = sleep ]; do :; done; kill -`+signal+` $$) & exec sleep 1000`)
		if got := ch.ended(t); got != (ending{Signal: name}) {
			t.Errorf("death by SIG%s is told as %v", signal, got)
		}
	}
}

func opensshShowsADeathAs255(t *testing.T, e edge) {
	if r := e.run(t, "echo before; kill -TERM $$"); r.Code != 255 || r.Stdout != "before\n" {
		t.Errorf("ssh exits %d, stdout %q, stderr %q", r.Code, r.Stdout, r.Stderr)
	}
}

// Whether a core is dumped depends on the machine (core(5)), so a process of this machine says what is right.
func coreDumpsAreTold(t *testing.T, e edge) {
	for limit, want := range map[string]bool{"unlimited": dumpsCore(t, "unlimited"), "0": dumpsCore(t, "0")} {
		ch := e.dial(t).open(t)
		ch.exec(t, "cd /tmp; ulimit -c "+limit+"; kill -SEGV $$")
		if got := ch.ended(t); got != (ending{Signal: "SEGV", Core: want}) {
			t.Errorf("with a limit of %s: %v, want core dumped: %t", limit, got, want)
		}
	}
}

func dumpsCore(t *testing.T, limit string) bool {
	t.Helper()
	c := exec.Command("sh", "-c", "ulimit -c "+limit+"; kill -SEGV $$")
	c.Dir = t.TempDir()
	c.Run()
	status, ok := c.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.CoreDump()
}

// catchable are the signals that RFC 4254 section 6.10 names, but for the one that none can handle.
var catchable = []string{"ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"}

func clientSignalsArrive(t *testing.T, e edge) {
	x := e.dial(t)
	for _, name := range catchable {
		ch := x.open(t)
		ch.exec(t, "trap 'echo caught; exit 3' "+name+"; echo ready; while :; do sleep 0.1; done")
		ch.until(t, "ready\n")
		ch.ask(t, "signal", struct{ Name string }{name})
		ch.until(t, "caught\n")
		if got := ch.ended(t); got != (ending{Status: 3}) {
			t.Errorf("after %s: %v", name, got)
		}
	}
}

func clientSignalsKill(t *testing.T, e edge) {
	x := e.dial(t)
	for _, name := range []string{"KILL", "TERM", "INT"} {
		ch := x.open(t)
		ch.exec(t, "echo ready; exec sleep 1000")
		ch.until(t, "ready\n")
		ch.ask(t, "signal", struct{ Name string }{name})
		if rest, err := io.ReadAll(ch); len(rest) > 0 || err != nil {
			t.Errorf("after %s there is output: %q, %v", name, rest, err)
		}
		if got := ch.ended(t); got != (ending{Signal: name}) {
			t.Errorf("after %s: %v", name, got)
		}
	}
}
