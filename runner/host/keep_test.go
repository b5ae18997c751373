// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"switchyard/runner/sessions"
	"switchyard/sshd"
)

// talks is a script that writes a kilobyte to each output before each line to a fifo, and says when SIGHUP comes.
func talks(fifo string) string {
	return "trap 'echo hung up >" + fifo + "' HUP; x=$(head -c 1000 /dev/zero | tr '\\0' x); echo $$;" +
		"while :; do echo $x; echo $x >&2; echo tick >" + fifo + "; done"
}

// ticks is more of them than pipes and terminals can hold.
const ticks = 1000

func TestWhatIsKeptWritesOnToNobody(t *testing.T) {
	for name, pty := range map[string]*sshd.Pty{"pipes": nil, "terminal": {Term: "xterm"}} {
		t.Run(name, func(t *testing.T) {
			f := fifo(t)
			said := openReader(t, f)
			r := start(t, New(Config{Grace: limit, OnEnd: sessions.Keep}), sshd.Command{Line: talks(f), Pty: pty})
			pid := r.pidLine()
			r.end()
			for range ticks {
				expectLine(t, said, "tick")
			}
			if _, err := r.Wait(); !errors.Is(err, sshd.ErrDetached) {
				t.Errorf("waiting for it: %v", err)
			}
			if _, err := io.Copy(io.Discard, r.Stdout()); err != nil {
				t.Errorf("reading what came before the end: %v", err)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is reaped", func() bool { return !exists(pid) })
		})
	}
}

// The leader of a terminal has exited, and what it left has the terminal open.
func TestAKeptTerminalOutlivesItsLeader(t *testing.T) {
	f, gate := fifo(t), fifo(t)
	said := openReader(t, f)
	r := start(t, New(Config{Grace: limit, OnEnd: sessions.Keep}), sshd.Command{
		Line: "sh -c 'trap \"\" HUP; echo $$ >" + f + "; read x <" + gate + "; head -c 100000 /dev/zero; echo done >" + f + "' & read y; exit 4",
		Pty:  &sshd.Pty{Term: "xterm"},
	})
	left := bounded(t, "its number", func() string { l, _ := said.ReadString('\n'); return l })
	io.WriteString(r.Stdin(), "\n")
	if got := r.exit(); got.Code != 4 {
		t.Errorf("the exit is %+v", got)
	}
	if _, err := io.Copy(io.Discard, r.Stdout()); err != nil {
		t.Errorf("reading the terminal to its end: %v", err)
	}
	r.end()
	if err := os.WriteFile(gate, []byte("go\n"), 0); err != nil {
		t.Fatal(err)
	}
	expectLine(t, said, "done")
	pid := atoi(t, left[:len(left)-1])
	eventually(t, "it has ended", func() bool { return !running(pid) })
}

func TestAKeptProcessGetsTheEndOfItsInput(t *testing.T) {
	f := fifo(t)
	said := openReader(t, f)
	r := start(t, New(Config{Grace: limit, OnEnd: sessions.Keep}), sshd.Command{Line: "echo ready; cat; echo over >" + f})
	r.expect("ready")
	r.end()
	expectLine(t, said, "over")
}

func TestAClosedOutputBreaksForItsWriter(t *testing.T) {
	r := script(t, "exec yes")
	r.expect("y")
	if err := r.Process.(sshd.StdoutCloser).CloseStdout(); err != nil {
		t.Fatal(err)
	}
	if got := r.exit(); got.Signal != "PIPE" {
		t.Errorf("the exit is %+v, need PIPE", got)
	}
	if rest, err := io.ReadAll(r.Stdout()); len(rest) > 0 || err != nil {
		t.Errorf("after it came %d bytes, %v", len(rest), err)
	}
	r = script(t, "trap '' PIPE; echo first; read x; echo second || echo broken >&2")
	r.expect("first")
	_ = r.Process.(sshd.StdoutCloser).CloseStdout()
	io.WriteString(r.Stdin(), "\n")
	if said, _ := io.ReadAll(r.Stderr()); len(said) == 0 {
		t.Error("a writer that ignores SIGPIPE was not told")
	}
	if err := terminal(t, "exit").Process.(sshd.StdoutCloser).CloseStdout(); err == nil {
		t.Error("a terminal was closed")
	}
}
