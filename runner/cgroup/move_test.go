// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"switchyard/runner/cgroup/cgrouptest"
)

// heldDead is the pidfd of a process that has ended.
func heldDead(t *testing.T, c *cgrouptest.Container) pidfd {
	t.Helper()
	p := c.Start(t, "echo; read -r _")
	p.Line(t)
	held, err := hold(p.PID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(held.close)
	fmt.Fprintln(p.In)
	<-p.Exited
	return held
}

func openGroup(t *testing.T, c *cgrouptest.Container) *Group {
	t.Helper()
	tree, err := Open(c.PID, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	g, err := tree.Make(Prefix + "a")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// The pid has passed to another container's process between the look at whose it is and the move.
func TestAStrangerThatGotThePidIsPutBack(t *testing.T) {
	cgrouptest.Each(t, func(t *testing.T, c *cgrouptest.Container) {
		g, other := openGroup(t, c), cgrouptest.New(t, c.Hierarchy)
		p := other.Start(t, "sleep 1000 & echo $!; wait")
		stranger := p.Number(t)
		if err := g.move(heldDead(t, c), stranger); !errors.Is(err, os.ErrProcessDone) || errors.Is(err, ErrStranger) {
			t.Errorf("got %v", err)
		}
		if pids, err := g.PIDs(); len(pids) > 0 || err != nil || g.Holds(stranger) {
			t.Errorf("the group holds %v, %v", pids, err)
		}
		if dir, err := g.tree.dirOf(stranger); dir != other.Dir || err != nil {
			t.Errorf("the stranger is in %q, %v, need %q", dir, err, other.Dir)
		}
		if err := g.Kill(cgrouptest.Limit); err != nil || !cgrouptest.Alive(stranger) {
			t.Errorf("killing the group: %v; the stranger lives: %v", err, cgrouptest.Alive(stranger))
		}
	})
}

func TestAStrangerThatCannotBePutBackIsSaidToBeThere(t *testing.T) {
	cgrouptest.Each(t, func(t *testing.T, c *cgrouptest.Container) {
		g := openGroup(t, c)
		p := c.Start(t, "sleep 1000 & echo $!; wait")
		stranger := p.Number(t)
		g.tree.mounted = nil // as where the parent's cgroup is out of sight
		if err := g.move(heldDead(t, c), stranger); !errors.Is(err, ErrStranger) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAChildOfTheGroupsThatGotThePidStaysInIt(t *testing.T) {
	cgrouptest.Each(t, func(t *testing.T, c *cgrouptest.Container) {
		g := openGroup(t, c)
		p := c.Start(t, "echo; read -r _; sleep 1000 & echo $!; wait")
		p.Line(t)
		if err := movePID(g.dir, p.PID); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(p.In)
		child := p.Number(t)
		if err := g.move(heldDead(t, c), child); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("got %v", err)
		}
		if !g.Holds(child) {
			t.Errorf("process %d is not in %q any more", child, filepath.Base(g.dir))
		}
	})
}
