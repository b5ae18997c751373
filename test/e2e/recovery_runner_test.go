// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"switchyard/runner/cgroup/cgrouptest"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// filesLeft fails where a runner that has ended left files.
func filesLeft(t *testing.T, web *world.Container) {
	t.Helper()
	for _, pattern := range []string{"/run/switchyard-sessions-" + web.Container.ID + "*", fmt.Sprintf("/run/switchyard-exec-%d-*", web.Runner.PID())} {
		if files, _ := filepath.Glob(pattern); len(files) > 0 {
			t.Errorf("files are left: %q", files)
		}
	}
}

// awaitRecovered waits until nothing is left of the records of runners that were killed. That is the last thing that the
// next runner does for them: it is not done when their processes have gone.
func awaitRecovered(t *testing.T, web *world.Container, killed ...int) {
	t.Helper()
	for _, pid := range killed {
		rig.Eventually(t, commandDeadline, func() (bool, string) {
			files, _ := filepath.Glob(fmt.Sprintf("/run/switchyard-sessions-%s/%d-*", web.Container.ID, pid))
			return len(files) == 0, fmt.Sprintf("files of the killed runner are left: %q", files)
		})
	}
}

// sessionGroups are the cgroups of the container's sessions.
func sessionGroups(web *world.Container) (dirs []string) {
	for _, dir := range cgrouptest.Groups(web.Container.ID) {
		if !strings.HasSuffix(dir, "-detached") {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// stubborn is a command that goes on after SIGHUP, with children of its own.
const stubborn = "trap : HUP; sh -c 'sleep 21 & wait' & sleep 22 & setsid sleep 23 </dev/null >/dev/null 2>&1 & echo ready; while :; do sleep 24; done"

func TestTheNextRunnerEndsWhatAKilledOneLeft(t *testing.T) {
	eachExec(t, func(t *testing.T, exec string) {
		w := world.New(t, world.Options{})
		web := w.Run(t, "web", served("--exec", exec))
		two := startTwoSessions(t, w, web)
		ssh := w.SSHCommand(t, "root@web", stubborn)
		_, out := pipes(t, ssh)
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
		rig.Eventually(t, commandDeadline, func() (bool, string) {
			left, execs, groups := web.Processes(t), web.Execs(t), sessionGroups(web)
			return len(left) == reapingProcesses+1 && len(execs) == 0 && len(groups) == 0,
				fmt.Sprintf("processes %v, exec instances %v, cgroups %q", left, execs, groups)
		})
		awaitRecovered(t, web, killed)
		if w.SSHOutput(t, "root@web", "echo works") != "works" {
			t.Error("no session works afterwards")
		}
		web.Runner.Stop(t)
		filesLeft(t, web)
	})
}

func TestARunnerThatDrainsKeepsItsSessionsWhileTheNextBegins(t *testing.T) {
	eachExec(t, func(t *testing.T, exec string) {
		w := world.New(t, world.Options{})
		web := w.Run(t, "web", served("--exec", exec, "--on-disconnect", "kill", "--grace", "60s"))
		ssh := w.SSHCommand(t, "root@web", "trap : HUP; until test -e /tmp/stop; do if read x; then echo \"$x\" >>/tmp/answers; else sleep 0.1; fi; done")
		in, _ := pipes(t, ssh)
		if err := ssh.Start(); err != nil {
			t.Fatal(err)
		}
		answer := func(x string) { // output is not read any more once the session is being ended
			t.Helper()
			fmt.Fprintln(in, x)
			rig.Eventually(t, commandDeadline, func() (bool, string) {
				r := web.Exec(t, "tail", "-n", "1", "/tmp/answers")
				return r.Stdout == x+"\n", r.Stdout
			})
		}
		answer("before")
		first := web.Runner
		first.Signal(syscall.SIGTERM)
		rig.Eventually(t, commandDeadline, func() (bool, string) {
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
		rig.Eventually(t, commandDeadline, func() (bool, string) {
			left := web.Processes(t)
			return len(left) == reapingProcesses, fmt.Sprintf("processes %v", left)
		})
	})
}

// An instance of docker exec that the engine was just making for a runner when that was killed has no process, and
// stays: nothing tells whose it is.
func TestARunnerThatIsKilledWhileItStartsSessionsLeavesNothing(t *testing.T) {
	eachExec(t, func(t *testing.T, exec string) {
		w := world.New(t, world.Options{})
		web := w.Run(t, "web", served("--exec", exec))
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
			rig.Eventually(t, commandDeadline, func() (bool, string) { // the others are on their way
				left := web.Processes(t)
				return len(left) > reapingProcesses, fmt.Sprint(left)
			})
			web.Runner.Kill()
			for _, end := range all {
				end()
			}
			web.StartRunner(t)
			rig.Eventually(t, commandDeadline, func() (bool, string) {
				left := web.Processes(t)
				return len(left) == reapingProcesses, fmt.Sprintf("processes %v", left)
			})
		}
		rig.Eventually(t, commandDeadline, func() (bool, string) {
			groups := sessionGroups(web)
			return len(groups) == 0, fmt.Sprintf("cgroups %q", groups)
		})
		awaitRecovered(t, web, killed...)
		web.Runner.Stop(t)
		filesLeft(t, web)
	})
}
