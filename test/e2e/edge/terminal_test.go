// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"

	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestATerminalIsWhatTheClientAskedFor(t *testing.T) {
	t.Parallel()
	eachWay(t, world.ContainerOptions{Spec: rig.ContainerSpec{Image: rig.Debian}},
		promise{"the window's size is right at the very first look", sizeAtFirstLook},
		promise{"the modes are right at the very first look", modesAtFirstLook},
		promise{"a client that asks for no echo gets none", noEcho},
		promise{"the interrupt character is the client's", otherInterrupt},
		promise{"after a storm of resizes the last one holds, and no output is lost", resizeStorm},
		promise{"a break is taken on a terminal, and refused without one", breaks},
		promise{"OpenSSH's ~B leaves the session alone", opensshBreak},
		promise{"the terminal's name and type are the client's", terminalType},
	)
}

// size is a window's, in the order of RFC 4254 section 6.7.
type size struct{ Columns, Rows, Width, Height uint32 }

// ptyRequest is a pty-req (RFC 4254 section 6.2).
type ptyRequest struct {
	Term                         string
	Columns, Rows, Width, Height uint32
	Modes                        string
}

// modes encodes terminal modes (RFC 4254 section 8).
func modes(pairs ...uint32) string {
	var b []byte
	for i := 0; i < len(pairs); i += 2 {
		b = binary.BigEndian.AppendUint32(append(b, byte(pairs[i])), pairs[i+1])
	}
	return string(append(b, 0))
}

// The opcodes of RFC 4254 section 8 and RFC 8160 that are used here.
const (
	opIntr, opErase, opIUTF8, opEcho, opISIG, opICANON = 1, 3, 42, 53, 50, 51
	opIXON, opONLCR, opOddParity, opISpeed, opOSpeed   = 38, 72, 93, 128, 129
)

// terminalFor opens a session with a terminal.
func (e edge) terminalFor(t *testing.T, x *transport, s size, modes string) *channel {
	t.Helper()
	ch := x.open(t)
	ch.ask(t, "pty-req", ptyRequest{"xterm-256color", s.Columns, s.Rows, s.Width, s.Height, modes})
	return ch
}

// Many, since what is right a moment too late is right most of the time (docker/cli's issue 3554).
func sizeAtFirstLook(t *testing.T, e edge) {
	x := e.dial(t)
	for i := range uint32(20) {
		want := size{100 + i, 40 + i, 1000 + i, 700 + i}
		ch := e.terminalFor(t, x, want, modes())
		ch.exec(t, "exec stty size")
		out, err := io.ReadAll(ch)
		if got := strings.TrimSpace(string(out)); got != fmt.Sprintf("%d %d", want.Rows, want.Columns) || err != nil {
			t.Errorf("a window of %+v has the size %q, %v", want, got, err)
		}
	}
}

func modesAtFirstLook(t *testing.T, e edge) {
	x := e.dial(t)
	for range 5 {
		ch := e.terminalFor(t, x, size{80, 24, 0, 0},
			modes(opIntr, 7, opErase, 8, opIUTF8, 1, opIXON, 0, opONLCR, 0, opOddParity, 1, opISpeed, 9600, opOSpeed, 9600))
		ch.exec(t, "exec stty -a")
		out, err := io.ReadAll(ch)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"intr = ^G;", "erase = ^H;", " iutf8", "-ixon", "-onlcr", " parodd", "speed 9600 baud"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%q is not among the modes:\n%s", want, out)
			}
		}
	}
}

func noEcho(t *testing.T, e edge) {
	ch := e.terminalFor(t, e.dial(t), size{80, 24, 0, 0}, modes(opEcho, 0, opONLCR, 0))
	ch.exec(t, "read line; echo got $line")
	io.WriteString(ch, "secret\n")
	if out, err := io.ReadAll(ch); string(out) != "got secret\n" || err != nil {
		t.Errorf("the terminal shows %q, %v", out, err)
	}
}

func otherInterrupt(t *testing.T, e edge) {
	ch := e.terminalFor(t, e.dial(t), size{80, 24, 0, 0}, modes(opEcho, 0, opISIG, 1, opICANON, 1, opIntr, 7))
	ch.exec(t, "echo ready; exec sleep 1000")
	ch.until(t, "ready\r\n")
	io.WriteString(ch, "\x07")
	io.Copy(io.Discard, ch)
	if got := ch.ended(t); got.Signal != "INT" {
		t.Error(got)
	}
}

func resizeStorm(t *testing.T, e edge) {
	const lines, last = 20_000, 999
	ch := e.terminalFor(t, e.dial(t), size{80, 24, 0, 0}, modes(opEcho, 0, opONLCR, 0))
	ch.exec(t, fmt.Sprintf(`trap : WINCH; echo ready; i=0; while [ $i -lt %d ]; do echo $i; i=$((i+1)); done
		until [ "$(stty size)" = "%d %d" ]; do :; done; echo end`, lines, last, last+1))
	ch.until(t, "ready\n")
	sent := make(chan error, 1)
	go func() {
		var err error
		for i := uint32(1); i <= last && err == nil; i++ {
			_, err = ch.SendRequest("window-change", false, marshal(size{i + 1, i, 0, 0}))
		}
		sent <- err
	}()
	var want strings.Builder
	for i := range lines {
		fmt.Fprintln(&want, i)
	}
	want.WriteString("end\n")
	out, err := io.ReadAll(ch)
	if string(out) != want.String() || err != nil {
		t.Errorf("%d bytes of %d, or others, %v", len(out), want.Len(), err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if got := ch.ended(t); got != (ending{}) {
		t.Error(got)
	}
}

// RFC 4335 section 3. Linux's pseudo-terminals have no line to break: nothing more happens.
func breaks(t *testing.T, e edge) {
	x := e.dial(t)
	ch := e.terminalFor(t, x, size{80, 24, 0, 0}, modes(opEcho, 0, opONLCR, 0))
	ch.exec(t, "echo ready; read line; echo got $line")
	ch.until(t, "ready\n")
	ch.ask(t, "break", struct{ Milliseconds uint32 }{500})
	io.WriteString(ch, "on\n")
	if out, err := io.ReadAll(ch); string(out) != "got on\n" || err != nil {
		t.Errorf("after a break the terminal shows %q, %v", out, err)
	}
	plain := x.open(t)
	plain.exec(t, "cat")
	if ok, err := plain.SendRequest("break", true, marshal(struct{ Milliseconds uint32 }{500})); ok || err != nil {
		t.Errorf("without a terminal a break is accepted: %t, %v", ok, err)
	}
}

func opensshBreak(t *testing.T, e edge) {
	log := filepath.Join(t.TempDir(), "log")
	c := e.ssh(t, "stty -echo; echo ready; read line; echo first; read line; echo got $line; exit 3", "-tt", "-e", "~", "-vvv", "-E", log)
	x := world.OpenTerminal(t, c, pty.Winsize{Rows: 24, Cols: 80})
	x.Expect(t, "ready")
	io.WriteString(x, "\r") // the escape character is one behind a line's end alone
	x.Expect(t, "first")
	io.WriteString(x, "~Bon\r")
	x.Expect(t, "got on")
	if code := x.End(); code != 3 {
		t.Errorf("exit code %d", code)
	}
	if text, _ := os.ReadFile(log); !strings.Contains(string(text), "break") {
		t.Errorf("the client sent no break:\n%s", text)
	}
}

func terminalType(t *testing.T, e edge) {
	ch := e.terminalFor(t, e.dial(t), size{80, 24, 0, 0}, modes(opONLCR, 0))
	ch.exec(t, "echo $TERM; tty; test -t 0 && test -t 1 && test -t 2 && echo all three")
	out, _ := io.ReadAll(ch)
	if got := string(out); !strings.HasPrefix(got, "xterm-256color\n/dev/pts/") || !strings.HasSuffix(got, "\nall three\n") {
		t.Errorf("got %q", got)
	}
}
