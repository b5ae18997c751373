// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestEndEndsTheLeaderAndItsBackgroundProcesses(t *testing.T) {
	s := start(t, "sleep 1000 & echo $!; sh -c 'echo $$; exec sleep 1000' & wait")
	one, two := s.pidLine(), s.pidLine()
	s.end(limit)
	for _, pid := range []int{s.PID(), one, two} {
		if alive(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
}

func TestEndEndsWhatALeaderThatHasExitedLeftBehind(t *testing.T) {
	s := start(t, "sleep 1000 & echo $!")
	pid := s.pidLine()
	s.await(s.reaped, "the leader's exit")
	s.end(time.Second)
	if alive(pid) {
		t.Errorf("process %d is left", pid)
	}
}

func TestEndHangsUpAStoppedProcess(t *testing.T) {
	s := start(t, "trap 'echo hung up; exit' HUP; echo ready; kill -STOP $$; read x")
	s.expect("ready")
	eventually(t, "the leader is stopped", func() bool { st, err := readStat(s.PID()); return err == nil && st.state == 'T' })
	s.end(limit)
	s.expect("hung up")
}

func TestEndGivesAProcessTheGraceToEndByItself(t *testing.T) {
	s := start(t, "trap 'echo cleaning; exit 5' HUP; echo ready; while :; do read x; done")
	s.expect("ready")
	s.end(limit)
	s.expect("cleaning")
	s.wait()
	if got, known := s.ExitInfo(); known && got.Code != 5 {
		t.Errorf("the exit is %+v, need code 5", got)
	}
}

func TestEndKillsWhatCatchesHangupAndGoesOn(t *testing.T) {
	s := start(t, "trap 'echo no' HUP; echo ready; while :; do read x; done")
	s.expect("ready")
	s.end(0)
	s.wait()
	if got, known := s.ExitInfo(); known && got.Signal != "KILL" {
		t.Errorf("the exit is %+v, need SIGKILL", got)
	}
}

func TestEndChasesAProcessThatStartsAnotherOnHangup(t *testing.T) {
	s := start(t, "trap 'sleep 1000 & echo $!; exit' HUP; echo ready; while :; do read x; done")
	s.expect("ready")
	// A signal that comes between fork and exec is the shell's, and lost: then the grace passes.
	s.end(10 * time.Second)
	if pid := s.pidLine(); alive(pid) {
		t.Errorf("process %d, started on SIGHUP, is left", pid)
	}
}

// The shell of "nohup server &" exits before nohup has begun to ignore SIGHUP.
func TestEndWaitsForWhatIsAboutToBeDetached(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	s := start(t, "exec 3<&0; (echo up; while ! test -e "+gate+"; do :; done; trap '' HUP; sh -c 'echo $$; "+answers+"' <&3) &")
	s.expect("up")
	s.await(s.reaped, "the leader's exit")
	s.testOnlySettling = func() { os.WriteFile(gate, nil, 0o600) }
	ended := make(chan error, 1)
	go func() { ended <- s.End(limit) }()
	pid := s.pidLine()
	kill(t, pid)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	io.WriteString(s.in, "1\n")
	s.expect("answer 1")
}

// answers is a script that goes on answering, to prove that it lives.
const answers = "while read x; do echo \"answer $x\"; done"

func TestEndLeavesWhatIgnoresHangup(t *testing.T) {
	s := start(t, "exec 3<&0; trap '' HUP; sh -c 'echo $$; "+answers+"' <&3 & exit")
	pid := s.pidLine()
	kill(t, pid)
	s.end(0)
	io.WriteString(s.in, "1\n")
	s.expect("answer 1")
}

func TestEndLeavesNohup(t *testing.T) {
	s := start(t, "exec 3<&0; nohup sh -c 'echo $$; "+answers+"' <&3 2>/dev/null & exit")
	kill(t, s.pidLine())
	s.end(0)
	io.WriteString(s.in, "1\n")
	s.expect("answer 1")
}

func TestEndLeavesASessionOfItsOwn(t *testing.T) {
	s := start(t, "exec 3<&0; setsid sh -c 'echo $$; "+answers+"' <&3 & exit")
	kill(t, s.pidLine())
	s.end(0)
	io.WriteString(s.in, "1\n")
	s.expect("answer 1")
}

func TestEndTouchesNobodyElse(t *testing.T) {
	other := start(t, "echo ready; "+answers)
	other.expect("ready")
	s := start(t, "sleep 1000 & read x")
	s.end(0)
	io.WriteString(other.in, "1\n")
	other.expect("answer 1")
}

func TestEndMayBeRepeatedAndCalledAtOnce(t *testing.T) {
	s := start(t, "sleep 1000 & echo; read x")
	s.line()
	errs := make(chan error)
	for range 4 {
		go func() { errs <- s.End(limit) }()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	s.end(limit)
}

func TestEndEndsASessionOnATerminal(t *testing.T) {
	s := startPty(t, "set -m; stty -echo; sleep 1000 & echo $!; read x")
	pid := s.pidLine()
	s.end(limit)
	if alive(pid) || alive(s.PID()) {
		t.Error("a process is left")
	}
}

func TestEndLeavesAPidThatHasPassedToSomebodyElse(t *testing.T) {
	s := start(t, "echo ready; "+answers)
	s.expect("ready")
	stale := &Leader{Session: Session{pid: s.PID(), start: s.start - 1}, fd: s.fd}
	if err := stale.End(0); err != nil {
		t.Fatal(err)
	}
	io.WriteString(s.in, "1\n")
	s.expect("answer 1")
}

func TestEndReachesIntoAPidNamespaceBelow(t *testing.T) {
	needNamespaces(t)
	s := start(t, "exec unshare --pid --fork --kill-child=KILL setsid sh -c 'sleep 1000 & echo $$; wait'")
	s.line()
	inner := childOf(t, s.PID())
	l, err := Open(inner)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.End(limit); err != nil {
		t.Fatal(err)
	}
	if alive(inner) {
		t.Errorf("process %d of the namespace is left", inner)
	}
}

// A process of the namespace whose parent is outside, and collects nothing, keeps the namespace's first from its end.
func TestTheFirstProcessOfANamespaceIsExitingBeforeItsEnd(t *testing.T) {
	needNamespaces(t)
	s := start(t, "exec unshare --pid --fork --kill-child=KILL setsid sh -c 'echo ready; read x'")
	s.line()
	first, err := Open(childOf(t, s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	outside := start(t, fmt.Sprintf("exec nsenter --target %d --pid setsid sh -c 'echo ready; exec sleep 1000'", first.PID()))
	outside.line()
	unix.Kill(outside.PID(), unix.SIGSTOP)
	defer unix.Kill(outside.PID(), unix.SIGCONT)
	if first.Exiting() {
		t.Error("it is said to exit before it was killed")
	}
	unix.Kill(first.PID(), unix.SIGKILL)
	eventually(t, "the first process to be exiting", first.Exiting)
	if first.Exited() {
		t.Error("it has exited with a process of its namespace left")
	}
	unix.Kill(outside.PID(), unix.SIGCONT)
	eventually(t, "its end", first.Exited)
}

func needNamespaces(t *testing.T) {
	t.Helper()
	reason := ""
	if unix.Geteuid() != 0 {
		reason = "not root"
	} else if _, err := exec.LookPath("unshare"); err != nil {
		reason = "no unshare"
	}
	if reason == "" {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// childOf finds the only child of a process.
func childOf(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Skipf("this kernel lists no children: %v", err)
	}
	var child int
	if _, err := fmt.Sscan(string(b), &child); err != nil {
		t.Fatalf("process %d has no child: %q", pid, b)
	}
	return child
}
