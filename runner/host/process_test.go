// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"switchyard/sshd"
)

func TestExitStatusAndSignalsAreExact(t *testing.T) {
	for line, want := range map[string]sshd.Exit{
		"true":                       {},
		"exit 3":                     {Code: 3},
		"exit 255":                   {Code: 255},
		"no-such-program 2>&-":       {Code: 127},
		"kill -TERM $$":              {Signal: "TERM", Message: "terminated"},
		"kill -KILL $$":              {Signal: "KILL", Message: "killed"},
		"ulimit -c 0; kill -SEGV $$": {Signal: "SEGV", Message: "segmentation fault"},
		"ulimit -c 0; kill -BUS $$":  {Signal: "BUS@openssh.com", Message: "bus error"},
		"printf x | (cat; exit 4)":   {Code: 4},
	} {
		r := script(t, line)
		for range 2 { // each Wait returns the same
			if got := r.exit(); got != want {
				t.Errorf("%q ended with %+v, need %+v", line, got, want)
			}
		}
		r.end()
		if got := r.exit(); got != want {
			t.Errorf("after End, %q ended with %+v, need %+v", line, got, want)
		}
	}
}

func TestCommandRunsThroughTheShell(t *testing.T) {
	r := script(t, "echo \"a  b\" | tr a-z A-Z; echo $0 $-")
	r.expect("A  B")
	if got := r.line(); !strings.HasPrefix(got, "sh") {
		t.Errorf("the shell calls itself %q", got)
	}
}

func TestShellIsALoginShell(t *testing.T) {
	r := start(t, target(), sshd.Command{Shell: true})
	r.send("echo $0\nexit 6\n")
	r.expect("-sh")
	if got := r.exit(); got.Code != 6 {
		t.Errorf("the exit is %+v, need code 6", got)
	}
}

func TestStandardErrorIsApart(t *testing.T) {
	r := script(t, "echo out; echo err >&2")
	if got := r.errors(); got != "err\n" {
		t.Errorf("standard error is %q", got)
	}
	if got := r.rest(); got != "out\n" {
		t.Errorf("standard output is %q", got)
	}
}

func TestClosedInputIsEndOfFile(t *testing.T) {
	r := script(t, "cat; echo over")
	r.send("data")
	for range 2 {
		if err := r.Stdin().Close(); err != nil {
			t.Error(err)
		}
	}
	if got := r.rest(); got != "dataover\n" {
		t.Errorf("the output is %q", got)
	}
}

func TestAWriteFailsOnceNobodyReads(t *testing.T) {
	r := script(t, "exec <&-; echo closed; read x <&1")
	r.expect("closed")
	if _, err := r.Stdin().Write([]byte("x")); err == nil {
		t.Error("a write to nobody gave no error")
	}
}

func TestAllBytesPassPipesBothWays(t *testing.T) {
	all := strings.Repeat(everyByte(), 8<<10) // 2 MiB, more than pipes hold
	r := script(t, "cat")
	go func() {
		io.WriteString(r.Stdin(), all)
		r.Stdin().Close()
	}()
	if got := r.rest(); got != all {
		t.Errorf("%d bytes came back changed as %d bytes", len(all), len(got))
	}
}

func everyByte() string {
	var b strings.Builder
	for n := range 256 {
		b.WriteByte(byte(n))
	}
	return b.String()
}

func TestOutputGoesOnAfterTheLeadersExit(t *testing.T) {
	r := script(t, "exec 3<&0; (read x <&3; echo $x) & exit 2")
	if got := r.exit(); got.Code != 2 {
		t.Errorf("the exit is %+v, need code 2", got)
	}
	r.send("late\n")
	r.expect("late")
	if got := r.rest(); got != "" {
		t.Errorf("after it came %q", got)
	}
}

func TestEnvironmentIsTheAccountsAndTheClients(t *testing.T) {
	t.Setenv("SWITCHYARD_TEST_OURS", "secret")
	a := self(t)
	r := start(t, target(), sshd.Command{Line: "/usr/bin/env", Env: []string{"LANG=C", "EMPTY=", "HOME=/nowhere", "SPACED=a b=c"}})
	got := map[string]string{}
	for _, v := range strings.Split(strings.TrimSpace(r.rest()), "\n") {
		name, value, _ := strings.Cut(v, "=")
		got[name] = value
	}
	for name, want := range map[string]string{
		"HOME": a.Home, "USER": a.Name, "LOGNAME": a.Name, "SHELL": a.Shell, "PATH": searchPath(a),
		"LANG": "C", "EMPTY": "", "SPACED": "a b=c",
	} {
		if v, there := got[name]; !there || v != want {
			t.Errorf("%s is %q (there: %v), need %q", name, v, there, want)
		}
	}
	if v, there := got["SWITCHYARD_TEST_OURS"]; there {
		t.Errorf("our own environment reached the process: %q", v)
	}
	if v, there := got["TERM"]; there {
		t.Errorf("without a terminal, TERM is %q", v)
	}
}

func TestItStartsInItsHomeOrElseInTheRoot(t *testing.T) {
	a := self(t)
	a.Home = t.TempDir()
	r := start(t, target(), sshd.Command{Account: a, Line: "pwd -P; echo $HOME"})
	r.expect(a.Home)
	a.Home += "/missing"
	r = start(t, target(), sshd.Command{Account: a, Line: "pwd -P; echo $HOME"})
	r.expect("/")
	r.expect(a.Home)
}

func TestAShellThatCannotBeStartedIsAnErrorThatNamesIt(t *testing.T) {
	a := self(t)
	for _, a.Shell = range []string{"/no/such/shell", "/etc/passwd", "/"} {
		_, err := target().Start(context.Background(), sshd.Command{Account: a, Line: "true"})
		if err == nil || !strings.Contains(err.Error(), a.Shell) {
			t.Errorf("the error is %v, need %q named", err, a.Shell)
		}
	}
}

func TestACommandWithANulIsAnError(t *testing.T) {
	for _, c := range []sshd.Command{{Line: "a\x00b"}, {Line: "true", Env: []string{"A=\x00"}}} {
		c.Account = self(t)
		if _, err := target().Start(context.Background(), c); err == nil {
			t.Errorf("%+v was started", c)
		}
	}
}

func TestStartRefusesWhenTheContextIsOver(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	if _, err := target().Start(ctx, sshd.Command{Account: self(t), Line: "true"}); err != cause {
		t.Errorf("the error is %v, need the cause", err)
	}
}

func TestNoDescriptorOfOursReachesTheProcess(t *testing.T) {
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	script(t, "read x") // another session, with descriptors of its own
	for _, r := range []*run{script(t, "ls /proc/self/fd"), terminal(t, "ls /proc/self/fd")} {
		if got := strings.Fields(r.rest()); strings.Join(got, " ") != "0 1 2 3" { // 3 is ls reading the directory
			t.Errorf("the process has descriptors %q", got)
		}
	}
}

func TestNeitherTerminalActionWorksOnPipes(t *testing.T) {
	r := script(t, "read x")
	if r.Resize(sshd.WindowSize{Columns: 1}) == nil || r.Break() == nil {
		t.Error("a process on pipes was resized or sent a break")
	}
}

func TestSignalsReachTheProcessesOwnGroup(t *testing.T) {
	r := script(t, "trap 'echo got USR1; exit 8' USR1; echo ready; while :; do read x; done")
	r.expect("ready")
	if err := r.Signal("USR1"); err != nil {
		t.Fatal(err)
	}
	r.expect("got USR1")
	if got := r.exit(); got.Code != 8 {
		t.Errorf("the exit is %+v, need code 8", got)
	}
}

func TestSignalsThatAreNoneOrComeTooLateAreErrors(t *testing.T) {
	r := script(t, "read x")
	if err := r.Signal("NONE"); err == nil || !strings.Contains(err.Error(), "NONE") {
		t.Errorf("the error is %v, need the name quoted", err)
	}
	r.end()
	if err := r.Signal("TERM"); err == nil {
		t.Error("a signal after the end gave no error")
	}
}

// internalSignals are 32 and 33, the C library's own: its posix_spawn(3) makes every child ignore them,
// which the child's C library changes when it needs them.
const internalSignals = 1<<31 | 1<<32

func TestTheProcessIgnoresNoSignalAndBlocksNone(t *testing.T) {
	r := script(t, "grep -E 'Sig(Ign|Blk)' /proc/self/status")
	for range 2 {
		var name string
		var set uint64
		if _, err := fmt.Sscanf(r.line(), "%s %x", &name, &set); err != nil || set&^internalSignals != 0 {
			t.Errorf("the process started with %s %x, %v", name, set, err)
		}
	}
}
