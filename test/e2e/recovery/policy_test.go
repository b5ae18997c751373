// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package recovery

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"switchyard/test/e2e/internal/leftover"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// eachExec runs a test for each way to start processes in a container.
func eachExec(t *testing.T, test func(t *testing.T, exec string)) {
	t.Helper()
	rig.NeedDocker(t)
	for _, exec := range []string{"docker", "runc"} {
		t.Run(exec, func(t *testing.T) { t.Parallel(); test(t, exec) })
	}
}

// sleeping lists how long the container's processes that sleep want to, in order.
func sleeping(t *testing.T, web *world.Container) (all []string) {
	t.Helper()
	for _, p := range web.Processes(t) {
		args, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID) + "/cmdline")
		if words := strings.Split(string(args), "\x00"); err == nil && words[0] == "sleep" && words[1] != "1000000" {
			all = append(all, words[1])
		}
	}
	return all
}

// awaitSleeping waits until these sleep, and no others.
func awaitSleeping(t *testing.T, web *world.Container, want ...string) {
	t.Helper()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		count := map[string]int{}
		for _, s := range sleeping(t, web) {
			count[s]++
		}
		for _, s := range want {
			count[s]--
		}
		for _, n := range count {
			if n != 0 {
				return false, fmt.Sprintf("there sleep %v, need %v", sleeping(t, web), want)
			}
		}
		return true, ""
	})
}

func TestThePolicyDecidesWhatADisconnectLeaves(t *testing.T) {
	t.Parallel()
	eachExec(t, func(t *testing.T, exec string) {
		w := world.New(t, world.Options{})
		for policy, left := range map[string][]string{
			"hup": {"12", "13"}, "kill": nil, "keep": {"11", "12", "13", "14"},
		} {
			t.Run(policy, func(t *testing.T) {
				t.Parallel()
				web := w.Run(t, "web-"+policy, leftover.Served("--exec", exec, "--on-disconnect", policy))
				ssh := w.SSHCommand(t, "root@web-"+policy, "sleep 11 & setsid sleep 12 & (trap '' HUP; exec sleep 13) & sleep 14")
				stdin, _ := world.Pipes(t, ssh)
				defer stdin.Close()
				if err := ssh.Start(); err != nil {
					t.Fatal(err)
				}
				awaitSleeping(t, web, "11", "12", "13", "14")
				ssh.Process.Kill()
				ssh.Wait()
				if policy != "keep" {
					awaitSleeping(t, web, left...)
				}
				// What is kept is kept over the runner's end too, as long as it does not write.
				web.Runner.Stop(t)
				awaitSleeping(t, web, left...)
				leftover.NoFiles(t, web)
			})
		}
	})
}

func TestANonsensicalPolicyIsRefused(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Options{})
	web := w.Register(t, "web", world.ContainerOptions{Target: "host"})
	for _, flags := range [][]string{{"--on-disconnect", "stay"}, {"--metrics", "9100"}} {
		c := w.RunnerCommand(t, web)
		c.Args = append(c.Args, flags...)
		if r := world.Finish(t, c); r.Code != 2 || !strings.Contains(r.Stderr, flags[1]) {
			t.Errorf("%q: exit code %d, %s", flags, r.Code, r.Stderr)
		}
	}
}
