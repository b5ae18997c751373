// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// limit bounds everything that a test waits for. Nothing is asserted about time.
const limit = 30 * time.Second

// session is a shell that leads a session and talks to the test over pipes or a terminal.
type session struct {
	*Leader
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	reaped chan struct{}
}

// start runs a shell script as a session leader on pipes.
func start(t *testing.T, script string) *session {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stderr = os.Stderr
	in, out := pipe(t), pipe(t)
	cmd.Stdin, cmd.Stdout = in.r, out.w
	s := &session{t: t, cmd: cmd, in: in.w, out: bufio.NewReader(out.r)}
	s.run()
	in.r.Close()
	out.w.Close()
	return s
}

// startPty runs a shell script as a session leader on a terminal of its own.
func startPty(t *testing.T, script string) *session {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	s := &session{t: t, cmd: cmd, in: master, out: bufio.NewReader(master)}
	s.run()
	slave.Close()
	return s
}

type pipeEnds struct{ r, w *os.File }

func pipe(t *testing.T) pipeEnds {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return pipeEnds{r, w}
}

// run starts the process. It is reaped as soon as it exits, by a goroutine that ends with the test.
func (s *session) run() {
	s.t.Helper()
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	l, err := Open(s.cmd.Process.Pid)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Leader, s.reaped = l, make(chan struct{})
	go func() {
		defer close(s.reaped)
		s.cmd.Wait()
	}()
	s.t.Cleanup(func() {
		s.End(0)
		s.await(s.reaped, "the leader's end")
		s.Close()
	})
}

func (s *session) await(c <-chan struct{}, what string) {
	s.t.Helper()
	select {
	case <-c:
	case <-time.After(limit):
		s.t.Fatalf("waited %v for %s", limit, what)
	}
}

// line reads one line of the session's output.
func (s *session) line() string {
	s.t.Helper()
	got := make(chan string, 1)
	go func() {
		l, _ := s.out.ReadString('\n')
		got <- strings.TrimSpace(l)
	}()
	select {
	case l := <-got:
		return l
	case <-time.After(limit):
		s.t.Fatalf("waited %v for a line of output", limit)
		return ""
	}
}

func (s *session) expect(want string) {
	s.t.Helper()
	if got := s.line(); got != want {
		s.t.Fatalf("the session wrote %q, need %q", got, want)
	}
}

// pidLine reads a line that holds a pid.
func (s *session) pidLine() int {
	s.t.Helper()
	l := s.line()
	pid, err := strconv.Atoi(l)
	if err != nil {
		s.t.Fatalf("the session wrote %q, need a pid", l)
	}
	return pid
}

func (s *session) wait() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := s.Wait(ctx); err != nil {
		s.t.Fatalf("waiting for the leader: %v", err)
	}
}

func (s *session) end(grace time.Duration) {
	s.t.Helper()
	if err := s.End(grace); err != nil {
		s.t.Fatal(err)
	}
}

// kill removes a process that a session left behind on purpose.
func kill(t *testing.T, pid int) { t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) }) }

func alive(pid int) bool {
	s, err := readStat(pid)
	return err == nil && !s.dead()
}

// eventually polls for a condition that no descriptor tells about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(limit)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited %v until %s", limit, what)
		}
	}
}

func openDescriptors(t *testing.T) string {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, e := range d {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.Contains(to, "pidfd") {
			kinds[to]++
		}
	}
	return fmt.Sprint(kinds)
}
