// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"io"
	"strings"
	"testing"

	"switchyard/sshd"
)

func TestTheTerminalIsTheControllingOne(t *testing.T) {
	r := terminal(t, "tty; echo $TERM; stty size; echo via tty >/dev/tty; test -t 0 && test -t 1 && test -t 2 && echo all")
	if got := r.line(); !strings.HasPrefix(got, "/dev/pts/") {
		t.Errorf("the terminal is %q", got)
	}
	r.expect("xterm")
	r.expect("24 80")
	r.expect("via tty")
	r.expect("all")
	if r.Stderr() != nil {
		t.Error("standard error is apart from the terminal")
	}
}

func TestAllBytesPassARawTerminalBothWays(t *testing.T) {
	all := strings.Repeat(everyByte(), 256) // 64 KiB, more than the line discipline holds
	r := terminal(t, "stty raw -echo; echo ready; head -c 65536")
	r.expect("ready")
	go io.WriteString(r.Stdin(), all)
	if got := r.rest(); got != all {
		t.Errorf("%d bytes came back changed as %d bytes", len(all), len(got))
	}
}

func TestTerminalModesAreApplied(t *testing.T) {
	r := start(t, target(), sshd.Command{Line: "stty -a", Pty: &sshd.Pty{Modes: []sshd.TerminalMode{
		{Opcode: 1, Value: 2}, {Opcode: 2, Value: 255}, {Opcode: 42, Value: 1}, {Opcode: 53, Value: 0}, {Opcode: 72, Value: 0},
	}}})
	got := r.rest()
	for _, want := range []string{"intr = ^B", "quit = <undef>", " iutf8", " -echo ", " -onlcr"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not among the modes:\n%s", want, got)
		}
	}
}

func TestResizeIsSeenAndSignalled(t *testing.T) {
	r := terminal(t, "trap 'stty size; exit' WINCH; echo ready; while :; do read x; done")
	r.expect("ready")
	if err := r.Resize(sshd.WindowSize{Columns: 132, Rows: 50}); err != nil {
		t.Fatal(err)
	}
	r.expect("50 132")
}

func TestBreakIsAccepted(t *testing.T) {
	r := terminal(t, "echo ready; read x")
	r.expect("ready")
	if err := r.Break(); err != nil {
		t.Error(err)
	}
}

func TestSignalsReachTheForegroundJob(t *testing.T) {
	r := terminal(t, "set -m; trap 'echo shell' USR1; sh -c 'trap \"echo job; exit\" USR1; echo ready; while :; do read x; done'; echo after")
	r.expect("ready")
	if err := r.Signal("USR1"); err != nil {
		t.Fatal(err)
	}
	r.expect("job")
	r.expect("after")
}

func TestControlCharactersSignalTheForegroundJob(t *testing.T) {
	// Without noflsh the kernel signals first and discards output after, the answer at times.
	r := terminal(t, "stty noflsh; trap 'echo interrupted; exit 3' INT; echo ready; while :; do read x; done")
	r.expect("ready")
	r.send("\x03")
	r.expect("interrupted")
	if got := r.exit(); got.Code != 3 {
		t.Errorf("the exit is %+v, need code 3", got)
	}
}

func TestTheTerminalsEndOfFileCharacterEndsInput(t *testing.T) {
	r := terminal(t, "cat; echo over")
	r.send("line\n\x04")
	r.expect("line")
	r.expect("over")
}

func TestClosingATerminalsInputHangsNothingUp(t *testing.T) {
	r := terminal(t, "echo ready; read x; echo \"got $x\"")
	r.expect("ready")
	if err := r.Stdin().Close(); err != nil {
		t.Fatal(err)
	}
	r.send("more\n")
	r.expect("got more")
}

func TestTheTerminalEndsWithItsProcessAndLosesNothing(t *testing.T) {
	const lines = 2000
	r := terminal(t, "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; exit 5")
	if got := strings.Count(r.rest(), "\n"); got != lines {
		t.Errorf("%d lines came, need %d", got, lines)
	}
	if got := r.exit(); got.Code != 5 {
		t.Errorf("the exit is %+v, need code 5", got)
	}
}

func TestATerminalEndsThoughABackgroundProcessHoldsIt(t *testing.T) {
	r := terminal(t, "(trap '' HUP; exec sleep 1000) & echo $!; exit")
	kill(t, r.pidLine())
	r.exit()
	if got := r.rest(); got != "" {
		t.Errorf("after it came %q", got)
	}
}
