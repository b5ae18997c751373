// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"bufio"
	"io"
	"strings"
	"testing"

	"switchyard/sshd"
	"switchyard/test/rig"
)

// Terminal modes of RFC 4254 section 8.
const (
	opVINTR = 1
	opECHO  = 53
	opOPOST = 70
)

// onTerminal is a command as root with a terminal.
func onTerminal(l string, modes ...sshd.TerminalMode) sshd.Command {
	return sshd.Command{Line: l, Pty: &sshd.Pty{
		Term: "vt220", Size: sshd.WindowSize{Columns: 91, Rows: 17, Width: 910, Height: 340}, Modes: modes,
	}}
}

func TestATerminalIsSetUpBeforeTheFirstByteOfTheCommandRuns(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		got := w.run(t, onTerminal("stty -a; echo $TERM; tty", sshd.TerminalMode{Opcode: opECHO}, sshd.TerminalMode{Opcode: opVINTR, Value: 2}), "")
		for _, want := range []string{"rows 17; columns 91;", " -echo ", "intr = ^B;", "vt220\r\n", "/dev/pts/"} {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("%q is not in %q", want, got.stdout)
			}
		}
	})
}

func TestATerminalCarriesEveryByteBothWays(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		p := w.start(t, onTerminal("stty raw -echo; echo ready; exec cat"))
		out := bufio.NewReader(p.Stdout())
		if ready, err := out.ReadString('\n'); err != nil {
			t.Fatalf("%q, %v", ready, err)
		}
		all := everyByte(1 << 20)
		go func() { _, _ = io.WriteString(p.Stdin(), all) }()
		got := make([]byte, len(all))
		if _, err := io.ReadFull(out, got); err != nil || string(got) != all {
			t.Errorf("what came back differs; %v", err)
		}
	})
}

func TestASingleKeyIsNotHeldBack(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		p := w.start(t, onTerminal("stty raw -echo; printf r; exec cat"))
		key := make([]byte, 1)
		for _, want := range []byte{'r', 16, 'a', 16, 17, 16, 16} {
			if want != 'r' {
				if _, err := p.Stdin().Write([]byte{want}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := io.ReadFull(p.Stdout(), key); err != nil || key[0] != want {
				t.Errorf("got %v, %v; want %v", key, err, want)
			}
		}
	})
}

func TestABreakIsTakenAndAResizeSeen(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		p := w.start(t, onTerminal("trap 'stty size; exit' WINCH; echo ready; while :; do read x; done"))
		out := bufio.NewReader(p.Stdout())
		if _, err := out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if err := p.Break(); err != nil {
			t.Errorf("a break: %v", err)
		}
		if err := p.Resize(sshd.WindowSize{Columns: 132, Rows: 50}); err != nil {
			t.Fatal(err)
		}
		if got, err := out.ReadString('\n'); got != "50 132\r\n" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestASignalGoesToTheForeground(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		p := w.start(t, onTerminal("set -m; sh -c 'trap \"echo caught; exit 3\" INT; echo ready; while :; do read x; done'; echo code $?"))
		out := bufio.NewReader(p.Stdout())
		if _, err := out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if err := p.Signal("INT"); err != nil {
			t.Fatal(err)
		}
		if got := finishFrom(t, out); got != "caught\r\ncode 3\r\n" {
			t.Errorf("got %q", got)
		}
	})
}

func finishFrom(t *testing.T, out io.Reader) string {
	t.Helper()
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Error(err)
	}
	return string(rest)
}

func TestTheEndOfInputHangsNoTerminalUp(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		p := w.start(t, onTerminal("stty -echo; echo ready; read x; echo got $x"))
		out := bufio.NewReader(p.Stdout())
		if _, err := out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if err := p.Stdin().Close(); err != nil {
			t.Error(err)
		}
		if _, err := io.WriteString(p.Stdin(), "still there\n"); err != nil {
			t.Error(err)
		}
		if got := finishFrom(t, out); got != "got still there\r\n" {
			t.Errorf("got %q", got)
		}
	})
}

func TestStderrOfATerminalIsNone(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		p := w.start(t, onTerminal("echo out; echo err >&2"))
		if p.Stderr() != nil {
			t.Error("there is a stderr")
		}
		if got := finish(t, p).stdout; got != "out\r\nerr\r\n" {
			t.Errorf("got %q", got)
		}
	})
}

func TestAnInputThatIsNotReadStopsItsWriterAlone(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		p := w.start(t, onTerminal("stty raw -echo; trap 'exit 6' USR1; echo ready; while :; do sleep 0.01; done"))
		out := bufio.NewReader(p.Stdout())
		if _, err := out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		written := make(chan error, 1)
		go func() {
			_, err := p.Stdin().Write(make([]byte, 1<<20))
			written <- err
		}()
		if err := p.Resize(sshd.WindowSize{Columns: 10, Rows: 10}); err != nil {
			t.Error(err)
		}
		if err := p.Signal("USR1"); err != nil {
			t.Error(err)
		}
		if exit, err := p.Wait(); err != nil || exit.Code != 6 {
			t.Errorf("got %+v, %v", exit, err)
		}
		p.End()
		if err := <-written; err == nil {
			t.Error("a megabyte was written to nobody")
		}
	})
}
