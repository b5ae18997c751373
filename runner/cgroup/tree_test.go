// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/runner/cgroup"
	"switchyard/runner/cgroup/cgrouptest"
	"switchyard/test/rig"
)

func open(t *testing.T, c *cgrouptest.Container) *cgroup.Tree {
	t.Helper()
	tree, err := cgroup.Open(c.PID, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if below := cgrouptest.Below(c.Dir); len(below) > 0 {
		t.Errorf("opening left %q", below)
	}
	return tree
}

func makeGroup(t *testing.T, tree *cgroup.Tree, name string) *cgroup.Group {
	t.Helper()
	g, err := tree.Make(cgroup.Prefix + name)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// is takes whoever has the pid.
func is(int) bool { return true }

func TestAGroupHoldsWhatIsAddedAndAllThatThisStarts(t *testing.T) {
	cgrouptest.Each(t, func(t *testing.T, c *cgrouptest.Container) {
		tree := open(t, c)
		g, other := makeGroup(t, tree, "a"), makeGroup(t, tree, "ab")
		p := c.Start(t, "echo; read -r _; setsid sleep 1000 & echo $!; exec sleep 1000")
		p.Line(t)
		if err := g.Add(p.PID, is); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(p.In)
		child := p.Number(t)
		got, err := g.PIDs()
		if slices.Sort(got); err != nil || !slices.Equal(got, []int{min(p.PID, child), max(p.PID, child)}) {
			t.Errorf("it holds %v, %v, need %d and %d", got, err, p.PID, child)
		}
		if !g.Holds(child) || g.Holds(c.PID) || other.Holds(child) || tree.Group(cgroup.Prefix+"b").Holds(child) {
			t.Error("Holds does not tell groups apart")
		}
		if names, err := tree.Names(); err != nil || fmt.Sprint(names) != "[switchyard-a switchyard-ab]" {
			t.Errorf("the groups are %q, %v", names, err)
		}
		if err := g.Remove(); !errors.Is(err, unix.EBUSY) {
			t.Errorf("removing it while it holds processes: %v", err)
		}
		if err := g.Kill(cgrouptest.Limit); err != nil {
			t.Fatal(err)
		}
		cgrouptest.Gone(t, p.PID, child)
		if err := g.Remove(); err != nil || !cgrouptest.Alive(c.PID) {
			t.Errorf("removing it: %v; the container's main process is alive: %v", err, cgrouptest.Alive(c.PID))
		}
	})
}

func TestKillEndsWhatResists(t *testing.T) {
	cgrouptest.Each(t, func(t *testing.T, c *cgrouptest.Container) {
		g := makeGroup(t, open(t, c), "a")
		p := c.Start(t, `echo; read -r _
			(trap '' HUP TERM INT; echo; while :; do sleep 1000; done) &
			sh -c 'kill -STOP $$' &
			i=0; while [ $i -lt 30 ]; do setsid sh -c 'sleep 1000; :' & i=$((i+1)); done
			echo; while :; do sleep 0.01; done`)
		p.Line(t)
		if err := g.Add(p.PID, is); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(p.In)
		p.Line(t)
		p.Line(t)
		if err := g.Kill(cgrouptest.Limit); err != nil {
			t.Fatal(err)
		}
		if left, err := g.PIDs(); len(left) > 0 || err != nil {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}

func TestAGroupThatIsGoneIsEmpty(t *testing.T) {
	cgrouptest.Each(t, func(t *testing.T, c *cgrouptest.Container) {
		tree := open(t, c)
		for name, g := range map[string]*cgroup.Group{
			"a group": makeGroup(t, tree, "a"), "one that never was": tree.Group(cgroup.Prefix + "b"),
		} {
			_ = os.Remove(filepath.Join(c.Dir, g.Name()))
			g.Freeze()
			g.Thaw()
			pids, err := g.PIDs()
			if killed, removed := g.Kill(0), g.Remove(); len(pids) > 0 || err != nil || killed != nil || removed != nil || g.Holds(c.PID) {
				t.Errorf("%s: it holds %v, %v; killing: %v; removing: %v", name, pids, err, killed, removed)
			}
			if err := g.Add(c.PID, is); err == nil {
				t.Errorf("%s: a process was added", name)
			}
		}
	})
}

func TestAddingAProcessThatIsGoneSaysSo(t *testing.T) {
	cgrouptest.Each(t, func(t *testing.T, c *cgrouptest.Container) {
		p := c.Start(t, "exit")
		<-p.Exited
		if err := makeGroup(t, open(t, c), "a").Add(p.PID, is); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAProcessThatIsNotTheOneThatIsMeantIsNotMoved(t *testing.T) {
	cgrouptest.Each(t, func(t *testing.T, c *cgrouptest.Container) {
		g := makeGroup(t, open(t, c), "a")
		if err := g.Add(c.PID, func(int) bool { return false }); !errors.Is(err, os.ErrProcessDone) || g.Holds(c.PID) {
			t.Errorf("got %v; it is in the group: %v", err, g.Holds(c.PID))
		}
	})
}

func TestWhatWasLeftOfATryIsRemoved(t *testing.T) {
	cgrouptest.Each(t, func(t *testing.T, c *cgrouptest.Container) {
		if err := os.Mkdir(filepath.Join(c.Dir, cgroup.Prefix+"try-4194305"), 0o755); err != nil {
			t.Fatal(err)
		}
		open(t, c) // sees that nothing is left
	})
}

// A container that may write to its cgroups can make some in ours.
func TestGroupsInAGroupBelongToIt(t *testing.T) {
	cgrouptest.Each(t, func(t *testing.T, c *cgrouptest.Container) {
		g := makeGroup(t, open(t, c), "a")
		below := filepath.Join(c.Dir, g.Name(), "x", "y")
		if err := os.MkdirAll(below, 0o755); err != nil {
			t.Fatal(err)
		}
		p := c.Start(t, "exec sleep 1000")
		if err := os.WriteFile(filepath.Join(below, "cgroup.procs"), fmt.Append(nil, p.PID), 0); err != nil {
			t.Fatal(err)
		}
		if pids, err := g.PIDs(); !slices.Equal(pids, []int{p.PID}) || err != nil || !g.Holds(p.PID) {
			t.Errorf("it holds %v, %v", pids, err)
		}
		if err := g.Kill(cgrouptest.Limit); err != nil {
			t.Error(err)
		}
		if err := g.Remove(); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatIsInAPausedContainerDiesWhenItIsUnpaused(t *testing.T) {
	for hierarchy, file := range map[string]string{"freezer": "freezer.state FROZEN THAWED", "v2": "cgroup.freeze 1 0"} {
		t.Run(hierarchy, func(t *testing.T) {
			c := cgrouptest.New(t, hierarchy)
			words := strings.Fields(file)
			write := func(value string) {
				if err := os.WriteFile(filepath.Join(c.Dir, words[0]), []byte(value), 0); err != nil {
					t.Fatal(err)
				}
			}
			tree := open(t, c)
			g := makeGroup(t, tree, "a")
			p := c.Start(t, "echo; exec sleep 1000")
			p.Line(t)
			if err := g.Add(p.PID, is); err != nil {
				t.Fatal(err)
			}
			write(words[1])
			defer write(words[2])
			rig.Eventually(t, cgrouptest.Limit, func() (bool, string) { return tree.Frozen(), "not frozen" })
			// Version 2 kills what is frozen; version 1 does when it goes on.
			if err := g.Kill(0); hierarchy == "freezer" && err == nil {
				t.Error("what is frozen has died")
			}
			write(words[2])
			if tree.Frozen() {
				t.Error("it is still frozen")
			}
			cgrouptest.Gone(t, p.PID)
		})
	}
}

func TestATreeIsRefusedWhereGroupsWouldBeInTheWay(t *testing.T) {
	t.Run("the main process is elsewhere", func(t *testing.T) {
		c := cgrouptest.Best(t)
		if _, err := cgroup.Open(os.Getpid(), c.ID); err == nil {
			t.Error("a process that is not in the container was taken")
		}
		below := filepath.Join(c.Dir, "init")
		if err := os.Mkdir(below, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(below, "cgroup.procs"), fmt.Append(nil, c.PID), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := cgroup.Open(c.PID, c.ID); err == nil {
			t.Error("the main process's own cgroup in the container was taken")
		}
	})
	t.Run("threads", func(t *testing.T) {
		c := cgrouptest.New(t, "v2")
		below := filepath.Join(c.Dir, "threads")
		if err := os.Mkdir(below, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(below, "cgroup.type"), []byte("threaded"), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := cgroup.Open(c.PID, c.ID); err == nil || !strings.Contains(err.Error(), "threaded") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("read-only", func(t *testing.T) {
		c := cgrouptest.Best(t)
		if err := openReadOnly(t, c); !errors.Is(err, unix.EROFS) {
			t.Errorf("got %v", err)
		}
	})
}

// openReadOnly opens a container in a mount namespace in which its cgroup is read-only.
func openReadOnly(t *testing.T, c *cgrouptest.Container) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			err = unix.Mount(c.Dir, c.Dir, "", unix.MS_BIND, "")
		}
		if err == nil {
			err = unix.Mount("", c.Dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
		}
		if err == nil {
			_, err = cgroup.Open(c.PID, c.ID)
		}
		result <- err
	}()
	return <-result
}
