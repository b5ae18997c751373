// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSignalReachesTheLeaderAlone(t *testing.T) {
	s := start(t, "trap 'echo leader' USR1; (trap 'echo child' USR1; echo ready; while :; do read x; done) <&0 & wait; wait")
	s.expect("ready")
	if err := s.Signal(unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	s.expect("leader")
}

func TestSignalSaysThatTheLeaderIsGone(t *testing.T) {
	s := start(t, "exit")
	s.await(s.reaped, "the exit")
	if err := s.Signal(unix.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("the error is %v, need os.ErrProcessDone", err)
	}
}

func TestSignalForegroundWithoutATerminalReachesTheLeadersGroup(t *testing.T) {
	s := start(t, "sh -c 'echo $$; exec sleep 1000' & echo ready; wait; echo over")
	pid := 0
	for range 2 {
		if l := s.line(); l != "ready" {
			pid = atoi(t, l)
		}
	}
	if err := s.SignalForeground(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.wait()
	eventually(t, "the child is gone", func() bool { return !alive(pid) })
}

func TestSignalForegroundReachesAGroupWhoseLeaderHasExited(t *testing.T) {
	s := start(t, "sleep 1000 & echo $!")
	pid := s.pidLine()
	s.await(s.reaped, "the leader's exit")
	if err := s.SignalForeground(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child is gone", func() bool { return !alive(pid) })
}

func TestSignalForegroundSaysThatNobodyIsLeft(t *testing.T) {
	s := start(t, "exit")
	s.await(s.reaped, "the exit")
	if err := s.SignalForeground(unix.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("the error is %v, need os.ErrProcessDone", err)
	}
}

func TestSignalForegroundReachesTheJobAndNotTheShell(t *testing.T) {
	s := startPty(t, "set -m; stty -echo; trap 'echo shell' USR1; sh -c 'trap \"echo job; exit\" USR1; echo ready; while :; do read x; done'; echo after; read x")
	s.expect("ready")
	if err := s.SignalForeground(unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	s.expect("job")
	s.expect("after")
}

func TestSignalForegroundReachesAPipelineWhoseFirstProcessHasExited(t *testing.T) {
	// The job's group id is the pid of "true", which is gone when "ready" is there.
	s := startPty(t, "set -m; stty -echo; true | sh -c 'cat; trap \"echo job; exit\" USR1; echo ready; exec 0<&2; while :; do read x; done'; read x")
	s.expect("ready")
	st, err := readStat(s.PID())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first process is gone", func() bool { _, err := readStat(st.tpgid); return err != nil })
	if err := s.SignalForeground(unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	s.expect("job")
}

func TestSignalForegroundFindsTheJobInAPidNamespaceBelow(t *testing.T) {
	needNamespaces(t)
	s := start(t, "exec unshare --pid --fork --kill-child=KILL setsid sh -c 'trap \"echo got; exit\" USR1; echo ready; while :; do read x; done' 3<&0")
	s.expect("ready")
	l, err := Open(childOf(t, s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.SignalForeground(unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	s.expect("got")
}

func TestSignalNamesAreThoseOfTheRFCAndBack(t *testing.T) {
	for _, name := range []string{
		"ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2",
		"BUS@openssh.com", "XCPU@openssh.com", "WINCH@openssh.com",
	} {
		sig, err := SignalNumber(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := SignalName(sig); got != name {
			t.Errorf("%q is signal %d, whose name is %q", name, sig, got)
		}
	}
	if got := SignalName(40); got != "SIG40@openssh.com" {
		t.Errorf("signal 40 is %q", got)
	}
}

func TestUnknownSignalNamesAreRefused(t *testing.T) {
	for _, name := range []string{"", "SIGTERM", "term", "BUS", "NONE@openssh.com", "@openssh.com", "TERM@example.com"} {
		if sig, err := SignalNumber(name); err == nil {
			t.Errorf("%q was taken for signal %d", name, sig)
		}
	}
}
