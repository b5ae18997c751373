// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sessions

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"switchyard/runner/cgroup/cgrouptest"
	"switchyard/runner/proc"
	"switchyard/test/rig"
)

// startFamily starts a session of which no keeper of this process knows.
func (w *world) startFamily(rest string) (s *session, start func() (own, apart, deaf int)) {
	p := w.Start(w.t, "echo; read -r _; "+family+rest)
	p.Line(w.t)
	s = &session{Process: p}
	return s, func() (int, int, int) {
		fmt.Fprintln(p.In)
		return s.awaitFamily(w.t)
	}
}

func TestTheNextRunnerEndsWhatAKilledOneLeft(t *testing.T) {
	for how, rest := range map[string]string{"with leaders": "exec sleep 1000", "of leaders that have exited": ""} {
		t.Run(how, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				s, start := w.startFamily(rest)
				dead := w.otherRunner(s.PID)
				own, apart, deaf := start()
				dead.kill()
				k := w.open(HangUp)
				cgrouptest.Gone(t, s.PID, own)
				if !cgrouptest.Alive(apart) || !cgrouptest.Alive(deaf) || !cgrouptest.Alive(w.PID) {
					t.Error("what was detached was ended")
				}
				recoverWith(k) // the session whose start came no further has no process to wait for
				w.nothingIsLeft()
			})
		})
	}
}

func TestTheNextRunnersPolicyDecides(t *testing.T) {
	for policy, ended := range map[Policy]bool{Kill: true, Keep: false} {
		t.Run(string(policy), func(t *testing.T) {
			w := newWorld(t, true)
			s, start := w.startFamily("exec sleep 1000")
			dead := w.otherRunner(s.PID)
			own, apart, deaf := start()
			dead.kill()
			w.recover(policy)
			for _, pid := range []int{s.PID, own, apart, deaf} {
				if ended {
					cgrouptest.Gone(t, pid)
				} else if !cgrouptest.Alive(pid) {
					t.Error("a process was ended")
				}
			}
			w.nothingIsLeft()
		})
	}
}

// One that is about to end still has sessions while the next has begun.
func TestAnotherRunnersSessionsAreLeftAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, start := w.startFamily("exec sleep 1000")
		other := w.otherRunner(s.PID)
		own, _, _ := start()
		groups := len(w.sessionGroups())
		w.recover(Kill)
		if !cgrouptest.Alive(s.PID) || !cgrouptest.Alive(own) || len(w.sessionGroups()) != groups || len(w.records()) != 1 {
			t.Errorf("cgroups %v, records %v", w.sessionGroups(), w.records())
		}
		other.kill()
		w.recover(Kill)
		cgrouptest.Gone(t, s.PID, own)
		w.nothingIsLeft()
	})
}

func TestRunnersOfOtherContainersAreLeftAlone(t *testing.T) {
	one, two := newWorld(t, true), newWorld(t, true)
	two.dir = one.dir
	s, start := one.startFamily("exec sleep 1000")
	dead := one.otherRunner(s.PID)
	start()
	dead.kill()
	two.recover(Kill)
	if !cgrouptest.Alive(s.PID) {
		t.Error("another container's process was ended")
	}
	one.recover(Kill)
	one.nothingIsLeft()
	two.nothingIsLeft()
}

func TestAPidThatHasPassedToSomebodyElseIsNobodysSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.Start(t, "echo; exec sleep 1000")
		s.Line(t)
		leader, err := proc.Open(s.PID)
		if err != nil {
			t.Fatal(err)
		}
		defer leader.Close()
		for name, r := range map[string]record{
			"1": {Boot: bootID(), PID: s.PID, Start: leader.Start() - 1},
			"2": {Boot: "another", PID: s.PID, Start: leader.Start()},
			// In the container's own cgroup, and so not in this session's, which has gone.
			"3": {Boot: bootID(), PID: s.PID, Start: leader.Start(), Cgroup: "switchyard-session-1-1-1"},
			"4": {Boot: bootID(), PID: s.PID, Start: leader.Start() - 1, Cgroup: "../.."},
		} {
			if name == "3" && !w.cgroups {
				continue
			}
			w.leave(name, r)
		}
		w.recover(Kill)
		if !cgrouptest.Alive(s.PID) {
			t.Error("it was ended")
		}
		w.nothingIsLeft()
	})
}

// leave writes a record as a dead runner would have left it.
func (w *world) leave(name string, r record) {
	w.t.Helper()
	dir := filepath.Join(w.dir, statePrefix+w.ID, "1-1")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := r.write(filepath.Join(dir, name)); err != nil {
		w.t.Fatal(err)
	}
}

// The records are gone with a /run that did not live on; the cgroups are there.
func TestASessionWithoutARecordEndsByThePolicy(t *testing.T) {
	for how, rest := range map[string]string{"with a leader": "exec sleep 1000", "of a leader that has exited": ""} {
		for policy, lives := range map[Policy]string{HangUp: "[false true true]", Kill: "[false false false]", Keep: "[true true true]"} {
			t.Run(how+", "+string(policy), func(t *testing.T) {
				w := newWorld(t, true)
				s, start := w.startFamily(rest)
				dead := w.otherRunner(s.PID)
				own, apart, deaf := start()
				dead.kill()
				w.dir = t.TempDir()
				w.recover(policy)
				if rest != "" && cgrouptest.Alive(s.PID) != (policy == Keep) {
					t.Errorf("the leader lives: %v", cgrouptest.Alive(s.PID))
				}
				alive := []bool{cgrouptest.Alive(own), cgrouptest.Alive(apart), cgrouptest.Alive(deaf)}
				if fmt.Sprint(alive) != lives {
					t.Errorf("of its own, the detached and the deaf there live %v, need %s", alive, lives)
				}
				w.nothingIsLeft()
			})
		}
	}
}

func TestARecordThatCannotBeWrittenLeavesNoneThatMisleads(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		k := w.open(HangUp)
		s := k.Begin("test")
		s.SetInstance("abc")
		// As in a full file system: the new record cannot be written, the old one is there.
		if err := os.Mkdir(s.file+unfinished, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.file+unfinished, "x"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p := w.Start(t, "exec sleep 1000")
		leader, err := proc.Open(p.PID)
		if err != nil {
			t.Fatal(err)
		}
		defer leader.Close()
		s.Started(leader)
		if left := w.records(); len(left) > 0 {
			t.Errorf("records: %q", left)
		}
		if log := w.log.String(); !strings.Contains(log, "level=warning") || !strings.Contains(log, "should this runner be killed") {
			t.Errorf("the log does not say so: %s", log)
		}
		if err := s.End(leader); err != nil {
			t.Error(err)
		}
		k.Close()
		w.nothingIsLeft()
	})
}

func TestAnInstanceOfDockerExecWithoutAProcessIsAbandoned(t *testing.T) {
	w := newWorld(t, true)
	w.leave("1", record{Boot: bootID(), Instance: "abc"})
	var mu sync.Mutex
	var abandoned []string
	c := w.config(HangUp)
	c.Abandon = func(id string) { mu.Lock(); defer mu.Unlock(); abandoned = append(abandoned, id) }
	recoverWith(Open(c))
	if fmt.Sprint(abandoned) != "[abc]" {
		t.Errorf("abandoned: %q", abandoned)
	}
	w.nothingIsLeft()
}

func TestRecordsThatMakeNoSenseAreDropped(t *testing.T) {
	w := newWorld(t, true)
	w.leave("1", record{Boot: bootID(), PID: -5, Cgroup: "a/../../b"})
	owner := filepath.Join(w.dir, statePrefix+w.ID, "1-1")
	for name, text := range map[string]string{"2": "", "3": "{", "4": "[]", "5~": "{}", "6": `{"pid": "x"}`} {
		if err := os.WriteFile(filepath.Join(owner, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.recover(Kill)
	w.nothingIsLeft()
}

func TestADirectoryOfSomebodyElsesIsNotTrusted(t *testing.T) {
	w := newWorld(t, true)
	dir := filepath.Join(w.dir, statePrefix+w.ID)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	k := Open(w.config(HangUp))
	s := w.begin(k, "exec sleep 1000")
	if err := s.End(s.leader); err != nil {
		t.Error(err)
	}
	cgrouptest.Gone(t, s.PID)
	k.Close()
	if log := w.log.String(); !strings.Contains(log, "no records of sessions can be kept") {
		t.Errorf("the log does not say so: %s", log)
	}
}

func TestWhatWasWrittenOfAContainerThatHasEndedIsRemoved(t *testing.T) {
	ended, running, served := newWorld(t, true), newWorld(t, true), newWorld(t, true)
	running.dir, served.dir = ended.dir, ended.dir
	s, start := running.startFamily("exec sleep 1000")
	ended.otherRunner().kill()
	running.otherRunner(s.PID).kill()
	start()
	served.otherRunner()
	if err := syscall.Kill(ended.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	cgrouptest.Gone(t, ended.PID)
	next := newWorld(t, true)
	next.dir = ended.dir
	next.recover(Kill)
	left, _ := filepath.Glob(filepath.Join(ended.dir, "*"))
	slices.Sort(left)
	want := []string{filepath.Join(ended.dir, statePrefix+running.ID), filepath.Join(ended.dir, statePrefix+served.ID)}
	if slices.Sort(want); !slices.Equal(left, want) {
		t.Errorf("left: %q, need %q", left, want)
	}
	if !cgrouptest.Alive(s.PID) {
		t.Error("another container's process was ended")
	}
	running.recover(Kill)
	cgrouptest.Gone(t, s.PID)
}

func TestWhatIsNotKnownToBeOfAnEndedContainerIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		record record
		stays  bool
	}{
		"a record of this boot":    {record{Boot: bootID(), Instance: "abc"}, true},
		"a record of another boot": {record{Boot: "another", Instance: "abc"}, false},
	} {
		for file, content := range map[string]*string{"no file": nil, "an empty file": new(string)} {
			t.Run(name+", "+file, func(t *testing.T) {
				w, other := newWorld(t, true), newWorld(t, true)
				other.dir = w.dir
				w.leave("1", c.record)
				if content != nil {
					if err := os.WriteFile(filepath.Join(filepath.Dir(w.records()[0]), mainFile), []byte(*content), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				other.recover(HangUp)
				if left := w.records(); (len(left) == 1) != c.stays {
					t.Errorf("records: %q", left)
				}
				w.recover(HangUp)
				w.nothingIsLeft()
			})
		}
	}
}

func TestRunnersMayComeAndGoAtOnce(t *testing.T) {
	w := newWorld(t, true)
	state := state{filepath.Join(w.dir, statePrefix+w.ID)}
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 30 {
				own, dead, err := state.claim(owner(fmt.Sprintf("%d-%d", n, i)))
				if err != nil {
					t.Error(err)
					return
				}
				if len(dead) > 0 {
					t.Errorf("owners that live were taken for dead: %v", dead)
				}
				state.remove(own)
			}
		})
	}
	all.Wait()
	w.nothingIsLeft()
}

func TestADeadOwnerHasOneHeir(t *testing.T) {
	w := newWorld(t, true)
	w.leave("1", record{Boot: bootID()})
	state := state{filepath.Join(w.dir, statePrefix+w.ID)}
	one, inherited, err := state.claim("2-2")
	if err != nil || len(inherited) != 1 {
		t.Fatalf("inherited %v, %v", inherited, err)
	}
	two, more, err := state.claim("3-3")
	if err != nil || len(more) != 0 {
		t.Errorf("a second heir: %v, %v", more, err)
	}
	for _, d := range []lockedDir{inherited["1-1"], one, two} {
		state.remove(d)
	}
	w.nothingIsLeft()
}

func TestTheNextRunnerKillsWhatResists(t *testing.T) {
	w := newWorld(t, true)
	s, start := w.startFamily("trap : HUP; while :; do sleep 0.05; done")
	dead := w.otherRunner(s.PID)
	start()
	dead.kill()
	w.recover(HangUp)
	if cgrouptest.Alive(s.PID) {
		t.Error("it is alive")
	}
	w.nothingIsLeft()
	rig.Eventually(t, cgrouptest.Limit, func() (bool, string) { return len(w.PIDs()) == 3, fmt.Sprint(w.PIDs()) })
}

func TestCloseWaitsForWhatIsBeingEndedAndLeavesTheRestToTheNext(t *testing.T) {
	w := newWorld(t, false)
	const all = recoveries + 7
	for n := range all {
		w.leave(fmt.Sprint(n), record{Boot: bootID(), Instance: fmt.Sprint(n)})
	}
	c := w.config(HangUp)
	begun, release := make(chan string, all), make(chan struct{})
	c.Abandon = func(id string) { begun <- id; <-release }
	k := Open(c)
	abandoned := map[string]bool{}
	for range recoveries {
		abandoned[<-begun] = true
	}
	closed := make(chan struct{})
	go func() { defer close(closed); k.Close() }()
	<-k.ctx.Done()
	select {
	case <-closed:
		t.Error("Close did not wait for what was being ended")
	default:
	}
	close(release)
	<-closed
	if more := len(begun); more > 0 || len(w.records()) != all-recoveries {
		t.Errorf("Close had %d more ended; %d records are left", more, len(w.records()))
	}
	recoverWith(Open(c))
	for range all - recoveries {
		abandoned[<-begun] = true
	}
	if len(abandoned) != all {
		t.Errorf("%d of %d were ended", len(abandoned), all)
	}
	w.nothingIsLeft()
}
