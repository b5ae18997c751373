// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package recovery

import (
	"bufio"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/moby/client"

	"switchyard/test/e2e/internal/leftover"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// stubborn is a command that goes on after SIGHUP, with children of its own.
const stubborn = "trap : HUP; sh -c 'sleep 21 & wait' & sleep 22 & setsid sleep 23 </dev/null >/dev/null 2>&1 & echo ready; while :; do sleep 24; done"

func TestTheNextRunnerEndsWhatAKilledOneLeft(t *testing.T) {
	t.Parallel()
	eachExec(t, func(t *testing.T, exec string) {
		w := world.New(t, world.Options{})
		web := w.Run(t, "web", leftover.Served("--exec", exec))
		two := startTwoSessions(t, w, web)
		ssh := w.SSHCommand(t, "root@web", stubborn)
		_, out := world.Pipes(t, ssh)
		if err := ssh.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
			t.Fatalf("%q, %v", line, err)
		}
		awaitSleeping(t, web, "21", "22", "23", "24", "1000", "1001", "1002")
		web.Runner.Kill()
		for _, c := range append(two, ssh) {
			c.Wait()
		}
		if left := sleeping(t, web); len(left) < 3 {
			t.Errorf("the test proves nothing: there sleep only %v", left)
		}
		killed := web.Runner.PID()
		web.StartRunner(t)
		awaitSleeping(t, web, "23") // was detached
		leftover.But(t, web, 1)
		leftover.Recovered(t, web, killed)
		if w.SSHOutput(t, "root@web", "echo works") != "works" {
			t.Error("no session works afterwards")
		}
		web.Runner.Stop(t)
		leftover.NoFiles(t, web)
	})
}

func TestARunnerThatDrainsKeepsItsSessionsWhileTheNextBegins(t *testing.T) {
	t.Parallel()
	eachExec(t, func(t *testing.T, exec string) {
		w := world.New(t, world.Options{})
		web := w.Run(t, "web", leftover.Served("--exec", exec, "--on-disconnect", "kill", "--grace", "10m"))
		ssh := w.SSHCommand(t, "root@web", "trap : HUP; until test -e /tmp/stop; do if read x; then echo \"$x\" >>/tmp/answers; else sleep 0.1; fi; done")
		in, _ := world.Pipes(t, ssh)
		if err := ssh.Start(); err != nil {
			t.Fatal(err)
		}
		answer := func(x string) { // output is not read any more once the session is being ended
			t.Helper()
			fmt.Fprintln(in, x)
			rig.Eventually(t, world.Deadline, func() (bool, string) {
				r := web.Exec(t, "tail", "-n", "1", "/tmp/answers")
				return r.Stdout == x+"\n", r.Stdout
			})
		}
		answer("before")
		first := web.Runner
		first.Signal(syscall.SIGTERM)
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			return strings.Contains(first.Log(), "runner: ending"), first.Log()
		})
		web.StartRunner(t)
		if w.SSHOutput(t, "root@web", "echo works") != "works" {
			t.Error("no session works by the next runner")
		}
		web.Runner.Kill()
		web.StartRunner(t) // which has something to clear up, but not this
		answer("after")
		web.Shell(t, "touch /tmp/stop")
		in.Close()
		ssh.Wait()
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			left := web.Processes(t)
			return len(left) == leftover.Processes, fmt.Sprintf("processes %v", left)
		})
	})
}

// An instance of docker exec that the engine was just making for a runner when that was killed stays until the container
// ends, without a process: the engine has no call to remove it, and it looks like one that another runner is about to
// start.
func TestARunnerThatIsKilledWhileItStartsSessionsLeavesNothing(t *testing.T) {
	t.Parallel()
	eachExec(t, func(t *testing.T, exec string) {
		w := world.New(t, world.Options{})
		web := w.Run(t, "web", leftover.Served("--exec", exec))
		var killed []int
		for range 3 {
			killed = append(killed, web.Runner.PID())
			var all []func()
			for range 6 {
				ssh := w.SSHCommand(t, "-tt", "root@web", "trap : HUP; while :; do sleep 41; done")
				ssh.Stdin = nil
				if err := ssh.Start(); err != nil {
					t.Fatal(err)
				}
				all = append(all, func() { ssh.Process.Signal(syscall.SIGKILL); ssh.Wait() })
			}
			rig.Eventually(t, world.Deadline, func() (bool, string) { // the others are on their way
				left := web.Processes(t)
				return len(left) > leftover.Processes, fmt.Sprint(left)
			})
			web.Runner.Kill()
			for _, end := range all {
				end()
			}
			web.StartRunner(t)
			rig.Eventually(t, world.Deadline, func() (bool, string) {
				left := web.Processes(t)
				return len(left) == leftover.Processes, fmt.Sprintf("processes %v", left)
			})
		}
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			groups := leftover.Groups(web)
			return len(groups) == 0, fmt.Sprintf("cgroups %q", groups)
		})
		leftover.Recovered(t, web, killed...)
		expectNoneStarted(t, web)
		web.Runner.Stop(t)
		leftover.NoFiles(t, web)
	})
}

// expectNoneStarted waits until no instance of docker exec that the container still has was ever started.
func expectNoneStarted(t *testing.T, web *world.Container) {
	t.Helper()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		for _, id := range web.Execs(t) {
			got, err := rig.NeedDocker(t).Client().ExecInspect(t.Context(), id, client.ExecInspectOptions{})
			if err == nil && (got.Running || got.PID != 0) {
				return false, fmt.Sprintf("%+v", got)
			}
		}
		return true, ""
	})
}
