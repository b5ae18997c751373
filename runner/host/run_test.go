// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/sshd"
)

// limit bounds everything that a test waits for. Nothing is asserted about time.
const limit = 30 * time.Second

// run is a started process and what a test reads of it.
type run struct {
	sshd.Process
	t   *testing.T
	out *bufio.Reader
}

func target() *Target { return New(Config{Name: "the test machine", Grace: limit}) }

func self(t *testing.T) sshd.Account {
	t.Helper()
	return lookUp(t, "")
}

func lookUp(t *testing.T, login string) sshd.Account {
	t.Helper()
	a, err := target().Account(context.Background(), login)
	if err != nil {
		t.Fatal(err)
	}
	// Tests depend on a POSIX shell, not on what the machine's own account has.
	a.Shell = "/bin/sh"
	return a
}

// start runs a command on a target; the account defaults to our own.
func start(t *testing.T, tgt *Target, c sshd.Command) *run {
	t.Helper()
	if c.Account.Shell == "" {
		c.Account = self(t)
	}
	p, err := tgt.Start(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.End)
	return &run{Process: p, t: t, out: bufio.NewReader(p.Stdout())}
}

// script runs a line on pipes.
func script(t *testing.T, line string) *run {
	t.Helper()
	return start(t, target(), sshd.Command{Line: line})
}

// terminal runs a line on a terminal that has neither echo nor output processing.
func terminal(t *testing.T, line string) *run {
	t.Helper()
	return start(t, target(), sshd.Command{Line: line, Pty: &sshd.Pty{
		Term: "xterm", Size: sshd.WindowSize{Columns: 80, Rows: 24},
		Modes: []sshd.TerminalMode{{Opcode: 53, Value: 0}, {Opcode: 70, Value: 0}},
	}})
}

// bounded fails the test when f does not return.
func bounded[T any](t *testing.T, what string, f func() T) T {
	t.Helper()
	got := make(chan T, 1)
	go func() { got <- f() }()
	select {
	case v := <-got:
		return v
	case <-time.After(limit):
		t.Fatalf("waited %v for %s", limit, what)
		panic("unreachable")
	}
}

func (r *run) line() string {
	r.t.Helper()
	return bounded(r.t, "a line", func() string {
		l, _ := r.out.ReadString('\n')
		return strings.TrimRight(l, "\r\n")
	})
}

func (r *run) expect(want string) {
	r.t.Helper()
	if got := r.line(); got != want {
		r.t.Fatalf("the process wrote %q, need %q", got, want)
	}
}

func (r *run) send(s string) {
	r.t.Helper()
	if _, err := io.WriteString(r.Stdin(), s); err != nil {
		r.t.Fatal(err)
	}
}

func (r *run) rest() string {
	r.t.Helper()
	return bounded(r.t, "the end of the output", func() string {
		b, err := io.ReadAll(r.out)
		if err != nil {
			r.t.Errorf("reading the output: %v", err)
		}
		return string(b)
	})
}

func (r *run) errors() string {
	r.t.Helper()
	return bounded(r.t, "the end of standard error", func() string {
		var b bytes.Buffer
		if _, err := b.ReadFrom(r.Stderr()); err != nil {
			r.t.Errorf("reading standard error: %v", err)
		}
		return b.String()
	})
}

func (r *run) exit() sshd.Exit {
	r.t.Helper()
	return bounded(r.t, "the exit", func() sshd.Exit {
		e, err := r.Wait()
		if err != nil {
			r.t.Errorf("waiting: %v", err)
		}
		return e
	})
}

func (r *run) end() {
	r.t.Helper()
	bounded(r.t, "End", func() bool { r.End(); return true })
}

func (r *run) pidLine() int {
	r.t.Helper()
	l := r.line()
	pid, err := strconv.Atoi(l)
	if err != nil {
		r.t.Fatalf("the process wrote %q, need a pid", l)
	}
	return pid
}

// kill removes a process that a session left behind on purpose.
func kill(t *testing.T, pid int) { t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) }) }

func exists(pid int) bool { return syscall.Kill(pid, 0) == nil }

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

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("not root")
	}
	t.Skip("not root")
}
