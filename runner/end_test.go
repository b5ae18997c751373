// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"switchyard/api"
)

// following lets a test end the container.
type following struct {
	code chan *int
	err  chan error
}

func (f following) follow(ctx context.Context) (*int, error) {
	select {
	case c := <-f.code:
		return c, nil
	case err := <-f.err:
		return nil, err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func startFollowing(t *testing.T) (*world, following) {
	t.Helper()
	f := following{make(chan *int, 1), make(chan error, 1)}
	return start(t, func(c *Config) { c.Follow = f.follow }), f
}

func code(n int) *int { return &n }

// lasting is a session whose process says its pid and then lasts.
func lasting(t *testing.T, w *world) (s *session, pid int) {
	t.Helper()
	s = w.run(w.ssh(), "printf %08d $$; exec sleep 1000")
	digits := make([]byte, 8)
	if _, err := io.ReadFull(s.out, digits); err != nil {
		t.Fatal(err)
	}
	for _, d := range digits {
		pid = pid*10 + int(d-'0')
	}
	return s, pid
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestTheEndOfTheContainerIsToldToItsSessionsAndThenToTheController(t *testing.T) {
	for want, exit := range map[string]*int{
		`container "web" has ended with exit code 3`: code(3),
		`container "web" has ended`:                  nil,
	} {
		w, f := startFollowing(t)
		s, pid := lasting(t, w)
		f.code <- exit
		got := bounded(t, "the report of the end", w.ends)
		if !gone(pid) {
			t.Errorf("the end was reported while process %d was there", pid)
		}
		if (got.ExitCode == nil) != (exit == nil) || exit != nil && *got.ExitCode != *exit {
			t.Errorf("the exit code reported is %v, need %v", got.ExitCode, exit)
		}
		if err := w.outcome(); err != nil {
			t.Errorf("Run returned %v", err)
		}
		s.Wait()
		if got := s.stderr.String(); got != "switchyard: "+want+"\n" {
			t.Errorf("the session was told %q, need %q", got, want)
		}
	}
}

func TestTheEndIsReportedUntilTheControllerHasIt(t *testing.T) {
	w, f := startFollowing(t)
	w.set(func(c *fakeController) {
		c.endErrors = []error{errors.New("connection refused"), api.NewProblem(503, api.CodeDraining, "", "wait")}
	})
	f.code <- code(0)
	if err := w.outcome(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	if n := len(w.ends); n != 3 {
		t.Errorf("the end was reported %d times, need 3", n)
	}
}

// ending is a runner whose container has ended, with a controller that fails first.
func ending(t *testing.T, errs ...error) (*Runner, *fakeController, *bytes.Buffer) {
	t.Helper()
	c := newController(t)
	c.endErrors = errs
	log, said := logrus.New(), &bytes.Buffer{}
	log.SetOutput(said)
	return &Runner{cfg: Config{Controller: c, Log: log}}, c, said
}

func TestAControllerThatIsAwayForHoursIsToldOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c, said := ending(t, manyErrors(90)...)
		begin := time.Now()
		if err := r.reportEnd(t.Context(), &containerEnded{code(3)}); err != nil {
			t.Errorf("reportEnd returned %v", err)
		}
		if took := time.Since(begin); len(c.ends) != 91 || took < 30*time.Minute {
			t.Errorf("the end was reported %d times in %v, need 91 with pauses of up to half a minute", len(c.ends), took)
		}
		if !strings.Contains(said.String(), "the container has ended with exit code 3; trying again in") {
			t.Errorf("it logged %s", said)
		}
	})
}

func TestAStopEndsTheWaitForAControllerToTellOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := ending(t, manyErrors(90)...)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Minute, cancel)
		err := r.reportEnd(ctx, &containerEnded{code(3)})
		if err == nil || !strings.Contains(err.Error(), "telling the controller that the container has ended with exit code 3: no route to host") {
			t.Errorf("reportEnd returned %v, need what was not done and why", err)
		}
	})
}

func TestAnEndThatTheControllerKnowsIsNoError(t *testing.T) {
	w, f := startFollowing(t)
	w.set(func(c *fakeController) { c.endErrors = []error{api.NewProblem(410, api.CodeEnded, "", "it has ended")} })
	f.code <- code(0)
	if err := w.outcome(); err != nil {
		t.Errorf("Run returned %v", err)
	}
}

func TestAnEndThatTheControllerRefusesIsAnError(t *testing.T) {
	w, f := startFollowing(t)
	w.set(func(c *fakeController) {
		c.endErrors = []error{api.NewProblem(401, api.CodeSignature, "", "wrong key")}
	})
	f.code <- code(0)
	if err := w.outcome(); err == nil || !strings.Contains(err.Error(), "wrong key") {
		t.Errorf("Run returned %v, need the controller's sentence", err)
	}
}

func TestAContainerThatCannotBeFollowedEndsTheRunner(t *testing.T) {
	w, f := startFollowing(t)
	s, pid := lasting(t, w)
	f.err <- errors.New("the engine is gone")
	if err := w.outcome(); err == nil || !strings.Contains(err.Error(), "the engine is gone") {
		t.Errorf("Run returned %v, need the cause", err)
	}
	s.Wait()
	if got := s.stderr.String(); !strings.Contains(got, `the runner has lost sight of container "web"`) || !gone(pid) {
		t.Errorf("the session was told %q; its process is gone: %v", got, gone(pid))
	}
	if len(w.ends) != 0 {
		t.Error("an end was reported that is not known")
	}
}

func TestAContainerThatEndsBeforeTheRunnerIsRegisteredIsReported(t *testing.T) {
	f := following{code: make(chan *int, 1)}
	f.code <- code(7)
	w := launch(t, func(c *Config) {
		c.Follow = f.follow
		c.Controller.(*world).reportErrors = manyErrors(100)
	})
	if got := bounded(t, "the report of the end", w.ends); *got.ExitCode != 7 {
		t.Errorf("the exit code is %d, need 7", *got.ExitCode)
	}
	if err := w.outcome(); err != nil {
		t.Errorf("Run returned %v", err)
	}
}

func manyErrors(n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = errors.New("no route to host")
	}
	return errs
}

func TestAStopTellsSessionsEndsProcessesAndLeavesNothing(t *testing.T) {
	w := start(t, nil)
	s, pid := lasting(t, w)
	idle := w.ssh()
	waiting, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	w.stop()
	if err := w.outcome(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	if !gone(pid) {
		t.Errorf("process %d is left", pid)
	}
	s.Wait()
	if got := s.stderr.String(); got != "switchyard: the runner is stopping\n" {
		t.Errorf("the session was told %q", got)
	}
	idle.Wait() // its connection has ended, too
	waiting.SetReadDeadline(time.Now().Add(limit))
	if _, err := waiting.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a waiting connection got %v, need its end", err)
	}
	if c, err := net.Dial("tcp", w.address); err == nil {
		c.Close()
		t.Error("the port is open after the end")
	}
	if got := w.runner.Stats(); got.Live != 0 || len(w.ends) != 0 {
		t.Errorf("the counters are %+v, ends reported: %d", got, len(w.ends))
	}
}

func TestAStopBeforeTheRegistrationIsNoError(t *testing.T) {
	w := launch(t, func(c *Config) { c.Controller.(*world).reportErrors = manyErrors(1000) })
	w.stop()
	if err := w.outcome(); err != nil {
		t.Errorf("Run returned %v", err)
	}
}

func TestAPortThatIsTakenIsAnErrorThatNamesIt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := launch(t, func(c *Config) { c.Listen = l.Addr().String() })
	if err := w.outcome(); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("Run returned %v, need the address named", err)
	}
}

func TestConnectionsThatDoNotEndAreCut(t *testing.T) {
	c := newConnections(4)
	ours, theirs := net.Pipe()
	defer theirs.Close()
	if !c.add(ours) || !c.trust(ours) {
		t.Fatal("the connection was not taken")
	}
	go func() {
		defer c.remove(ours)
		ours.Read(make([]byte, 1)) // heeds no context
	}()
	if !c.close(errors.New("over"), time.Millisecond) {
		t.Error("the connection is left")
	}
	if c.add(ours) {
		t.Error("a connection was taken after the end")
	}
}

func TestAConnectionThatWasEvictedIsNotTrusted(t *testing.T) {
	c := newConnections(1)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c.add(a)
	c.add(b)
	if c.trust(a) {
		t.Error("an evicted connection was trusted")
	}
	if !c.trust(b) {
		t.Error("the newest connection was not trusted")
	}
	c.remove(a)
	c.remove(b)
	if got := c.stats(); got.Evicted != 1 || got.Live != 0 || got.Accepted != 1 {
		t.Errorf("the counters are %+v", got)
	}
}
