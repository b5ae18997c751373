// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sessions

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"switchyard/runner/cgroup/cgrouptest"
	"switchyard/sshd"
	"switchyard/test/rig"
)

// family is a script of a leader with a process of its session, one that has a session of its own, and one that ignores
// SIGHUP. It prints their numbers.
const family = `sleep 1000 & echo $!
	setsid sleep 1000 & echo $!
	(trap '' HUP; exec sleep 1000) & echo $!
	echo; `

// awaitFamily reads the numbers, when all have become what they are.
func (s *session) awaitFamily(t *testing.T) (own, apart, deaf int) {
	t.Helper()
	own, apart, deaf = s.Number(t), s.Number(t), s.Number(t)
	s.Line(t)
	rig.Eventually(t, cgrouptest.Limit, func() (bool, string) {
		return command(own) == "sleep" && command(apart) == "sleep" && command(deaf) == "sleep", "not all run"
	})
	return own, apart, deaf
}

func command(pid int) string {
	name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	return strings.TrimSpace(string(name))
}

func TestHangUpEndsTheSessionAndLeavesWhatWasDetached(t *testing.T) {
	for how, script := range map[string]string{"the leader is ended": "exec sleep 1000", "the leader has exited": ""} {
		t.Run(how, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				k := w.open(HangUp)
				s := w.begin(k, family+script)
				own, apart, deaf := s.awaitFamily(t)
				if c := k.Counts(); c.Sessions != 1 || c.Detached != 0 || c.Cgroups != w.cgroups {
					t.Errorf("counts while it runs: %+v", c)
				}
				if err := s.End(s.leader); err != nil {
					t.Error(err)
				}
				cgrouptest.Gone(t, s.PID, own)
				if !cgrouptest.Alive(apart) || !cgrouptest.Alive(deaf) {
					t.Error("what was detached was ended")
				}
				want := Counts{Cgroups: w.cgroups}
				if w.cgroups {
					want.Detached = 2
				}
				if c := k.Counts(); c != want {
					t.Errorf("counts after: %+v, want %+v", c, want)
				}
				k.Close()
				w.nothingIsLeft()
			})
		})
	}
}

func TestKillEndsWhatWasDetachedToo(t *testing.T) {
	w := newWorld(t, true)
	k := w.open(Kill)
	other := w.begin(k, "exec sleep 1000")
	s := w.begin(k, family+"exec sleep 1000")
	own, apart, deaf := s.awaitFamily(t)
	if err := s.End(s.leader); err != nil {
		t.Error(err)
	}
	cgrouptest.Gone(t, s.PID, own, apart, deaf)
	if !cgrouptest.Alive(other.PID) {
		t.Error("another session was ended")
	}
	if err := other.End(other.leader); err != nil {
		t.Error(err)
	}
	k.Close()
	w.nothingIsLeft()
}

func TestKillWithoutCgroupsSaysWhatItCannotDo(t *testing.T) {
	w := newWorld(t, false)
	k := w.open(Kill)
	s := w.begin(k, family+"exec sleep 1000")
	own, apart, _ := s.awaitFamily(t)
	if err := s.End(s.leader); err != nil {
		t.Error(err)
	}
	cgrouptest.Gone(t, s.PID, own)
	if !cgrouptest.Alive(apart) {
		t.Error("what cannot be known to be the session's was ended")
	}
	k.Close()
	w.nothingIsLeft()
	if log := w.log.String(); !strings.Contains(log, "level=warning") || !strings.Contains(log, "not killed") {
		t.Errorf("the log does not say so: %s", log)
	}
}

func TestKeepEndsNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		k := w.open(Keep)
		s := w.begin(k, family+"exec sleep 1000")
		own, apart, deaf := s.awaitFamily(t)
		if err := s.End(s.leader); err != nil {
			t.Error(err)
		}
		k.Close()
		for _, pid := range []int{s.PID, own, apart, deaf} {
			if !cgrouptest.Alive(pid) {
				t.Error("a process was ended")
			}
		}
		if err := s.Goes(); !errors.Is(err, sshd.ErrDetached) || strings.Contains(err.Error(), "SIGHUP") {
			t.Errorf("the process is said to be %v", err)
		}
		w.nothingIsLeft()
	})
}

func TestEndEndsWhatResists(t *testing.T) {
	for what, script := range map[string]string{
		"handles SIGHUP": `trap 'echo no' HUP; echo; while :; do sleep 0.01; done`,
		"stopped":        `echo; kill -STOP $$; exec sleep 1000`,
		"starts others":  `trap : HUP; echo; while :; do (trap : HUP; sleep 0.2; :) & sleep 0.005; done`,
	} {
		t.Run(what, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				k := w.open(HangUp)
				s := w.begin(k, script)
				s.Line(t)
				if err := s.End(s.leader); err != nil {
					t.Error(err)
				}
				cgrouptest.Gone(t, s.PID)
				k.Close()
				w.nothingIsLeft()
				if left := w.PIDs(); len(left) != 1 {
					t.Errorf("left: %v", left)
				}
			})
		})
	}
}

func TestASessionEndsOnceForAll(t *testing.T) {
	w := newWorld(t, true)
	k := w.open(HangUp)
	s := w.begin(k, "exec sleep 1000")
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if err := s.End(s.leader); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	k.Close()
	w.nothingIsLeft()
}

// A container that may write to its cgroups can take its processes out of ours, and ours away.
func TestACgroupThatWasLostIsDoneWithout(t *testing.T) {
	w := newWorld(t, true)
	k := w.open(HangUp)
	s := w.begin(k, "exec sleep 1000")
	groups := w.sessionGroups()
	if len(groups) != 1 {
		t.Fatalf("the sessions' cgroups are %q", groups)
	}
	if err := os.WriteFile(filepath.Join(w.Dir, "cgroup.procs"), fmt.Append(nil, s.PID), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(w.Dir, groups[0])); err != nil {
		t.Fatal(err)
	}
	if err := s.End(s.leader); err != nil {
		t.Error(err)
	}
	cgrouptest.Gone(t, s.PID)
	k.Close()
	w.nothingIsLeft()
}

func TestACgroupThatIsLostBeforeTheProcessIsInItIsDoneWithout(t *testing.T) {
	w := newWorld(t, true)
	k := w.open(HangUp)
	s := k.Begin("test")
	if err := os.Remove(filepath.Join(w.Dir, w.sessionGroups()[0])); err != nil {
		t.Fatal(err)
	}
	begun := w.begin(k, "exec sleep 1000") // only for its leader
	s.Started(begun.leader)
	if s.Cgroup("runc") != "" {
		t.Error("it still names its cgroup")
	}
	if err := s.End(begun.leader); err != nil {
		t.Error(err)
	}
	if err := begun.End(begun.leader); err != nil {
		t.Error(err)
	}
	k.Close()
	w.nothingIsLeft()
}

func TestWhatIsAsideIsNotCountedAndEndedWhateverThePolicyIs(t *testing.T) {
	for _, policy := range []Policy{HangUp, Keep, Kill} {
		t.Run(string(policy), func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				c := w.config(policy)
				c.Observe = func(s Start) { t.Errorf("observed: %+v", s) }
				k := Open(c)
				k.Begin(Aside).Failed()
				s := w.beginAs(k, Aside, "exec sleep 1000")
				if c := k.Counts(); c.Sessions != 0 || c.Processes != 0 {
					t.Errorf("counted: %+v", c)
				}
				if err := s.End(s.leader); err != nil {
					t.Error(err)
				}
				cgrouptest.Gone(t, s.PID)
				k.Close()
				w.nothingIsLeft()
			})
		})
	}
}

func TestAFailedStartLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var starts []Start
		c := w.config(HangUp)
		c.Observe = func(s Start) { starts = append(starts, s) }
		k := Open(c)
		k.Begin("one").Failed()
		s := k.Begin("two")
		half := w.Start(t, "exec sleep 1000")
		if w.cgroups {
			if err := s.group.Add(half.PID, func(int) bool { return true }); err != nil {
				t.Fatal(err)
			}
		}
		s.Failed()
		if w.cgroups {
			cgrouptest.Gone(t, half.PID)
		}
		gone := k.Begin("three")
		gone.SetInstance("x")
		gone.Gone()
		k.Close()
		w.nothingIsLeft()
		if len(starts) != 3 || !starts[0].Failed || starts[1].Way != "two" || starts[2].Failed {
			t.Errorf("observed: %+v", starts)
		}
	})
}

// In a paused container of version 1 nothing dies.
func TestWhatCannotBeEndedIsCountedAndSeenToLater(t *testing.T) {
	w := &world{Container: cgrouptest.New(t, "freezer"), t: t, dir: t.TempDir(), cgroups: true}
	k := w.open(HangUp)
	s := w.begin(k, "echo; exec sleep 1000")
	s.Line(t)
	set := func(state string) {
		if err := os.WriteFile(filepath.Join(w.Dir, "freezer.state"), []byte(state), 0); err != nil {
			t.Fatal(err)
		}
	}
	set("FROZEN")
	t.Cleanup(func() { set("THAWED") })
	if err := s.End(s.leader); err == nil {
		t.Error("the end of what cannot die was reported")
	}
	if c := k.Counts(); c.Leftover != 1 || c.Sessions != 0 || len(w.records()) != 1 {
		t.Errorf("counts: %+v, records %v", c, w.records())
	}
	set("THAWED")
	rig.Eventually(t, cgrouptest.Limit, func() (bool, string) {
		groups := w.sessionGroups()
		return len(groups) == 0 && len(w.records()) == 0, fmt.Sprintf("cgroups %q, records %v", groups, w.records())
	})
	if c := k.Counts(); c.Leftover != 0 {
		t.Errorf("counts after: %+v", c)
	}
	k.Close()
	w.nothingIsLeft()
}

func TestProcessesAreCounted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		k := w.open(HangUp)
		one, two := w.begin(k, "sleep 1000 & echo $!; exec sleep 1000"), w.begin(k, "exec sleep 1000")
		one.Line(t)
		rig.Eventually(t, cgrouptest.Limit, func() (bool, string) {
			c := k.Counts()
			return c.Sessions == 2 && c.Processes == 3, fmt.Sprintf("%+v", c)
		})
		_, _ = one.End(one.leader), two.End(two.leader)
		if c := k.Counts(); c.Sessions != 0 || c.Processes != 0 {
			t.Errorf("counts after: %+v", c)
		}
		k.Close()
		w.nothingIsLeft()
	})
}

func TestPoliciesAreReadByName(t *testing.T) {
	for _, name := range []string{"hup", "kill", "keep"} {
		if p, err := ParsePolicy(name); string(p) != name || err != nil {
			t.Errorf("%q: %q, %v", name, p, err)
		}
	}
	for _, name := range []string{"", "HUP", "none"} {
		if _, err := ParsePolicy(name); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}
