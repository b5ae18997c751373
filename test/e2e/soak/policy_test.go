// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"switchyard/test/e2e/internal/leftover"
	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestKilledSessionsLeaveNothing(t *testing.T) {
	t.Parallel()
	s := newSoak(t, "--on-disconnect", "kill")
	all := s.begin(soakPolicySessions, false)
	s.endEach(all)
	s.nothingRuns()
	collect(all)
	s.nothingIsLeft()
}

// What users run is kept; what served their sessions is not.
func TestKeptSessionsLeaveNothingOfOurs(t *testing.T) {
	t.Parallel()
	s := newSoak(t, "--on-disconnect", "keep")
	own := map[*soaked][]int{}
	for _, c := range s.containers {
		for _, p := range c.Processes(t) {
			own[c] = append(own[c], p.PID)
		}
	}
	all := s.begin(soakPolicySessions, false)
	s.endEach(all)
	for _, c := range s.containers {
		leftover.NoTraces(t, c.Container)
	}
	collect(all)
	for _, c := range s.containers {
		endWhatIsKept(t, c, own[c])
		leftover.None(t, c.Container)
	}
	s.nothingRuns()
	s.nothingIsLeft()
}

// endWhatIsKept ends all but a container's own processes, of which there are some.
func endWhatIsKept(t *testing.T, c *soaked, own []int) {
	t.Helper()
	ended := 0
	rig.Eventually(t, world.Deadline, func() (bool, string) { // what is ended may have begun others meanwhile
		kept := slices.DeleteFunc(c.Processes(t), func(p rig.Process) bool { return slices.Contains(own, p.PID) })
		for _, p := range kept {
			syscall.Kill(p.PID, syscall.SIGKILL)
			ended++
		}
		return len(kept) == 0, fmt.Sprint(kept)
	})
	if ended == 0 {
		t.Errorf("%s kept nothing", c.Name)
	}
}
