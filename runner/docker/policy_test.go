// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"switchyard/runner/cgroup/cgrouptest"
	"switchyard/runner/sessions"
	"switchyard/sshd"
	"switchyard/test/rig"
)

// reaping is a container whose first process collects orphans.
var reaping = rig.ContainerSpec{Cmd: []string{"sh", "-c", "sleep 1000000 & wait"}}

// openPolicy makes a target of such a container, with a policy.
func openPolicy(t *testing.T, by Exec, policy sessions.Policy) *world {
	t.Helper()
	rig.NeedRoot(t)
	return openOn(t, rig.NeedDocker(t), Config{Exec: by, OnEnd: policy, Grace: time.Second}, reaping)
}

// needCgroups skips a test where sessions can have none; in CI they can, and not to have them is the fault to find.
func (w *world) needCgroups(t *testing.T) {
	t.Helper()
	if w.target.Sessions().Cgroups {
		return
	}
	const reason = "sessions have no cgroups below the container's"
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// sleeps says which of the sleeping processes with these durations there are.
func (w *world) sleeps(t *testing.T) (all string) {
	t.Helper()
	for _, p := range w.Processes(t) {
		if args, err := os.ReadFile(procPath(p.PID, "cmdline")); err == nil && strings.HasPrefix(string(args), "sleep\x00") {
			all += strings.TrimPrefix(strings.ReplaceAll(string(args), "\x00", " "), "sleep")
		}
	}
	return all
}

// detaching is a command with a process of its session, one in a session of its own, and one that ignores SIGHUP.
const detaching = "sleep 11 & setsid sleep 12 & (trap '' HUP; exec sleep 13) & echo ready; wait"

// beginDetaching starts it and waits until all are what they become.
func (w *world) beginDetaching(t *testing.T, pty *sshd.Pty) sshd.Process {
	t.Helper()
	p := w.start(t, sshd.Command{Line: detaching, Pty: pty})
	until(t, bufio.NewReader(p.Stdout()), "ready")
	rig.Eventually(t, timeout, func() (bool, string) {
		all := w.sleeps(t)
		return strings.Count(all, " ") == 2*4, all
	})
	return p
}

func TestEachSessionHasACgroupThatGoesWithIt(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) { openPolicy(t, by, sessions.HangUp).expectCgroups(t) })
}

// expectCgroups starts two sessions, ends them, and expects what is between and after that.
func (w *world) expectCgroups(t *testing.T) {
	t.Helper()
	w.needCgroups(t)
	one, two := w.beginDetaching(t, nil), w.start(t, onTerminal("echo ready; sleep 14"))
	until(t, bufio.NewReader(two.Stdout()), "ready")
	if groups := cgrouptest.Groups(w.ID); len(groups) != 2 {
		t.Errorf("the cgroups are %q", groups)
	}
	if c := w.target.Sessions(); c.Sessions != 2 || c.Processes < 5 {
		t.Errorf("counts: %+v", c)
	}
	one.End()
	two.End()
	groups := cgrouptest.Groups(w.ID)
	if len(groups) != 1 || !strings.HasSuffix(groups[0], sessions.Detached) {
		t.Errorf("afterwards the cgroups are %q", groups)
	}
	if c := w.target.Sessions(); c != (sessions.Counts{Cgroups: true, Detached: 2}) {
		t.Errorf("counts afterwards: %+v", c)
	}
}

func TestByThePolicyKillWhatWasDetachedGoesToo(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		for name, pty := range map[string]*sshd.Pty{"pipes": nil, "terminal": {}} {
			t.Run(name, func(t *testing.T) {
				w := openPolicy(t, by, sessions.Kill)
				w.needCgroups(t)
				w.beginDetaching(t, pty).End()
				if left := w.sleeps(t); left != " 1000000 " {
					t.Errorf("left: %q", left)
				}
				if groups := cgrouptest.Groups(w.ID); len(groups) > 0 {
					t.Errorf("cgroups are left: %q", groups)
				}
			})
		}
	})
}

// writes is a script that writes more than any pipe or terminal holds, and then says so.
const writes = "x=$(head -c 1000 /dev/zero | tr '\\0' x); echo ready; cat >/dev/null; i=0; while [ $i -lt 1000 ]; do echo $x; i=$((i+1)); done; echo >/tmp/done; exec sleep 15"

func TestByThePolicyKeepACommandGoesOnWithoutItsSession(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := openPolicy(t, by, sessions.Keep)
		p := w.start(t, line(writes))
		until(t, bufio.NewReader(p.Stdout()), "ready")
		p.End()
		rig.Eventually(t, timeout, func() (bool, string) {
			all := w.sleeps(t)
			return strings.Contains(all, " 15 ") && w.Exec(t, "test", "-e", "/tmp/done").ExitCode == 0, all
		})
		if _, err := p.Wait(); !errors.Is(err, sshd.ErrDetached) {
			t.Errorf("waiting for it: %v", err)
		}
		w.Shell(t, "pkill sleep || kill $(ps -o pid,args | awk '/sleep 15$/{print $1}')")
	})
}

func TestByThePolicyKeepATerminalStays(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := openPolicy(t, by, sessions.Keep)
		p := w.start(t, onTerminal("trap 'echo >/tmp/hup' HUP; "+strings.Replace(writes, "cat >/dev/null; ", "while ! test -e /tmp/go; do sleep 0.05; done; ", 1)))
		until(t, bufio.NewReader(p.Stdout()), "ready")
		p.End()
		w.Shell(t, "echo >/tmp/go")
		rig.Eventually(t, timeout, func() (bool, string) {
			all := w.sleeps(t)
			return strings.Contains(all, " 15 "), all
		})
		if w.Exec(t, "test", "-e", "/tmp/hup").ExitCode == 0 {
			t.Error("it got SIGHUP")
		}
	})
}

func TestDockersOwnCommandsWorkBesideSessions(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := openPolicy(t, by, sessions.HangUp)
		p := w.start(t, line("echo ready; exec sleep 16"))
		until(t, bufio.NewReader(p.Stdout()), "ready")
		cli, ctx := rig.NeedDocker(t).Client(), t.Context()
		top, err := cli.ContainerTop(ctx, w.ID, client.ContainerTopOptions{})
		if err != nil || !strings.Contains(fmt.Sprint(top.Processes), "sleep 16") {
			t.Errorf("top: %v, %v", top.Processes, err)
		}
		w.Pause(t)
		w.Unpause(t)
		limit := int64(77)
		if _, err := cli.ContainerUpdate(ctx, w.ID, client.ContainerUpdateOptions{Resources: &container.Resources{PidsLimit: &limit}}); err != nil {
			t.Error(err)
		}
		if by == ExecDocker { // by the runtime the process's files are its user's alone
			if code := w.Exec(t, "true").ExitCode; code != 0 {
				t.Errorf("docker exec: %d", code)
			}
		}
		w.Remove(t)
		p.End()
		if groups := cgrouptest.Groups(w.ID); len(groups) > 0 {
			t.Errorf("cgroups are left: %q", groups)
		}
	})
}

func TestAForkBombIsEnded(t *testing.T) {
	t.Parallel()
	// A shell that cannot fork exits, which makes room for another's child.
	bombs := map[string]string{
		"that handles SIGHUP": "trap : HUP; while :; do sh /tmp/bomb & sleep 0.05; done 2>/dev/null",
		"that detaches":       "while :; do setsid sh /tmp/bomb & sleep 0.05; done 2>/dev/null",
	}
	eachWay(t, func(t *testing.T, by Exec) {
		for name, bomb := range bombs {
			t.Run(name, func(t *testing.T) {
				limit := int64(60)
				spec := reaping
				spec.Adjust = func(o *client.ContainerCreateOptions) { o.HostConfig.PidsLimit = &limit }
				w := openOn(t, rig.NeedDocker(t), Config{Exec: by, OnEnd: sessions.Kill, Grace: time.Second}, spec)
				w.needCgroups(t)
				w.Shell(t, "cat >/tmp/bomb <<'EOF'\n"+bomb+"\nEOF\n")
				p := w.start(t, line("sh /tmp/bomb & echo ready; wait"))
				until(t, bufio.NewReader(p.Stdout()), "ready")
				rig.Eventually(t, timeout, func() (bool, string) {
					n := len(w.Processes(t))
					return n > 50, fmt.Sprintf("%d processes", n)
				})
				p.End()
				rig.Eventually(t, timeout, func() (bool, string) { // the first process collects orphans
					left := w.Processes(t)
					return len(left) == 2, fmt.Sprintf("processes are left: %v", left)
				})
				if groups := cgrouptest.Groups(w.ID); len(groups) > 0 {
					t.Errorf("cgroups are left: %q", groups)
				}
			})
		}
	})
}

// stuck is a way to start processes that is never done, as the runtime is in a container that stands still.
type stuck struct {
	*Target
	began chan struct{}
}

func (stuck) needsStop(*sshd.Pty) bool { return false }
func (stuck) close()                   {}

func (s stuck) start(ctx context.Context, _ job) (sshd.Process, error) {
	close(s.began)
	<-ctx.Done()
	return nil, s.failExec("starting a process", ctx.Err())
}

func TestAStartInAContainerThatIsPausedMeanwhileSaysSo(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{})
	other := w.withEngine(w.target.engine)
	began := make(chan struct{})
	other.starter = stuck{other, began}
	command := sshd.Command{Account: w.account(t, "root"), Line: "true"}
	failed := make(chan error, 1)
	go func() {
		_, err := other.Start(t.Context(), command)
		failed <- err
	}()
	<-began
	w.Pause(t)
	mustSay(t, <-failed, fmt.Sprintf("is paused: docker unpause %s", w.target.info.Name))
	w.Unpause(t)
}

// A runtime's process is our child, and its pipes are ours.
func TestByTheRuntimeAClosedOutputBreaks(t *testing.T) {
	t.Parallel()
	w := open(t, ExecRunc, rig.ContainerSpec{})
	p := w.start(t, line("exec yes"))
	until(t, bufio.NewReader(p.Stdout()), "y")
	if err := p.(sshd.StdoutCloser).CloseStdout(); err != nil {
		t.Fatal(err)
	}
	if exit, err := p.Wait(); err != nil || exit.Signal != "PIPE" {
		t.Errorf("the exit is %+v, %v", exit, err)
	}
}

// A session that ends in a paused container leaves what dies when that goes on.
func TestASessionThatEndsWhileItsContainerIsPausedLeavesNothing(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := openPolicy(t, by, sessions.HangUp)
		p := w.start(t, line("echo ready; exec sleep 18"))
		until(t, bufio.NewReader(p.Stdout()), "ready")
		w.Pause(t)
		p.End()
		w.Unpause(t)
		rig.Eventually(t, timeout, func() (bool, string) {
			c, groups := w.target.Sessions(), cgrouptest.Groups(w.ID)
			left := w.Processes(t)
			return len(left) == 2 && len(groups) == 0 && c.Leftover == 0, fmt.Sprintf("processes %v, cgroups %q, %+v", left, groups, c)
		})
	})
}
