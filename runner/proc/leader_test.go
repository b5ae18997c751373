// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"switchyard/sshd"
)

func TestOpenRefusesAProcessThatLeadsNoSession(t *testing.T) {
	cmd := exec.Command("/bin/cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	if l, err := Open(cmd.Process.Pid); err == nil {
		l.Close()
		t.Error("a process in another's session was taken for a leader")
	}
}

func TestOpenSaysThatAProcessIsGone(t *testing.T) {
	s := start(t, "exit 0")
	s.await(s.reaped, "the exit")
	if _, err := Open(s.PID()); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("the error is %v, need os.ErrProcessDone", err)
	}
}

func TestOpenRefusesPidsThatAreNone(t *testing.T) {
	for _, pid := range []int{0, -1, 1 << 30} {
		if l, err := Open(pid); err == nil {
			l.Close()
			t.Errorf("pid %d was opened", pid)
		}
	}
}

func TestExitInfoTellsHowALeaderEndedThatSomebodyElseReaped(t *testing.T) {
	for script, want := range map[string]sshd.Exit{
		"exit 0":                     {},
		"exit 3":                     {Code: 3},
		"exit 255":                   {Code: 255},
		"kill -TERM $$":              {Signal: "TERM", Message: "terminated"},
		"kill -KILL $$":              {Signal: "KILL", Message: "killed"},
		"ulimit -c 0; kill -BUS $$":  {Signal: "BUS@openssh.com", Message: "bus error"},
		"ulimit -c 0; kill -ABRT $$": {Signal: "ABRT", Message: "aborted"},
		"sleep 1000 & exit 7":        {Code: 7},
		"exec /bin/sh -c 'exit 9'":   {Code: 9},
		"trap 'exit 4' HUP; kill -HUP $$; exit 1": {Code: 4},
	} {
		t.Run(script, func(t *testing.T) {
			s := start(t, script)
			s.wait()
			got, known := s.ExitInfo()
			if !known {
				t.Skip("this kernel does not tell how another's child ended (Linux 6.15 does)")
			}
			if got != want {
				t.Errorf("the exit is %+v, need %+v", got, want)
			}
		})
	}
}

func TestExitInfoIsUnknownWhileTheLeaderLives(t *testing.T) {
	s := start(t, "read x")
	if exit, known := s.learned(); known {
		t.Errorf("a living process has ended with %+v", exit)
	}
}

func TestWaitReturnsForAZombie(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "read x")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l, err := Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	in.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := l.Wait(ctx); err != nil {
		t.Errorf("the leader has exited, but: %v", err)
	}
	cmd.Wait()
}

func TestWaitEndsWithTheContextAndItsCause(t *testing.T) {
	s := start(t, "read x")
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	if err := s.Wait(ctx); err != cause {
		t.Errorf("the error is %v, need the cause", err)
	}
}

func TestCloseEndsAWait(t *testing.T) {
	s := start(t, "read x")
	l, err := Open(s.PID())
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() { got <- l.Wait(context.Background()) }()
	l.Close()
	l.Close() // repeatedly
	if err := <-got; !errors.Is(err, os.ErrClosed) {
		t.Errorf("the error is %v, need os.ErrClosed", err)
	}
}

func TestClosedLeadersLeaveNoDescriptor(t *testing.T) {
	before := openDescriptors(t)
	s := start(t, "sleep 1000 & echo; read x")
	s.line()
	s.end(0)
	s.await(s.reaped, "the exit")
	s.Close()
	// os/exec holds a pidfd of its own until Wait, which is over.
	eventually(t, "there are as many pidfds as before", func() bool { return openDescriptors(t) == before })
}
