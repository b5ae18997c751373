// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

func TestCommandHasItsInputItsOutputsAndItsStatus(t *testing.T) {
	c, _ := newHost(t).dial("app")
	r := run(t, c, "cat; echo oops >&2; exit 7", "hello")
	if r.stdout != "hello" || r.stderr != "oops\n" || r.status != 7 {
		t.Errorf("got stdout %q, stderr %q, status %d", r.stdout, r.stderr, r.status)
	}
}

func TestEveryExitStatusArrives(t *testing.T) {
	c, _ := newHost(t).dial("app")
	for code := range 256 {
		if r := run(t, c, "exit "+itoa(code), ""); r.status != code {
			t.Fatalf("exit %d arrived as %d (%v)", code, r.status, r.err)
		}
	}
}

func TestEveryByteValuePassesBothWays(t *testing.T) {
	c, _ := newHost(t).dial("app")
	var all strings.Builder
	for i := range 256 {
		all.WriteByte(byte(i))
	}
	if r := run(t, c, "cat", all.String()); r.stdout != all.String() {
		t.Errorf("got %q", r.stdout)
	}
}

func TestShellReadsItsCommandsFromInput(t *testing.T) {
	h := newHost(t)
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "shell", nil)
	io.WriteString(ch, "echo $((6*7))\nexit\n")
	if got := readAll(t, ch); got != "42\n" {
		t.Errorf("got %q", got)
	}
	if cmd := h.target.lastCommand(t); !cmd.Shell || cmd.Line != "" {
		t.Errorf("the command is %+v, want a shell", cmd)
	}
}

func TestDeathBySignalIsToldAsExitSignal(t *testing.T) {
	c, _ := newHost(t).dial("app")
	r := run(t, c, "kill -TERM $$", "")
	var exit *gossh.ExitError
	if !errors.As(r.err, &exit) || exit.Signal() != "TERM" {
		t.Errorf("got %v, want a death by TERM", r.err)
	}
}

func TestExitSignalHasCoreDumpedAndItsMessage(t *testing.T) {
	name, payload := exitRequest(Exit{Signal: "SEGV", CoreDumped: true, Message: "bad\nluck"})
	want := gossh.Marshal(struct {
		Signal string
		Core   bool
		Msg    string
		Lang   string
	}{"SEGV", true, `bad\nluck`, "en"})
	if name != "exit-signal" || !bytes.Equal(payload, want) {
		t.Errorf("got %s %q, want exit-signal %q", name, payload, want)
	}
}

func TestClientSignalReachesTheProcess(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, reqs := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{`trap 'echo caught; exit 3' USR1; echo ready; while :; do sleep 0.02; done`})
	readUntil(t, ch, "ready\n")
	mustAccept(t, ch, "signal", signalMsg{"USR1"})
	readUntil(t, ch, "caught\n")
	if r := receive(t, reqs); r.Type != "exit-status" || !bytes.Equal(r.Payload, []byte{0, 0, 0, 3}) {
		t.Errorf("got %s %x, want exit-status 3", r.Type, r.Payload)
	}
}

// The library's client handles packets in their order and queues a request before it handles the EOF
// behind it. So a request that is queued when Read sees the EOF came before it.
func TestExitStatusPrecedesEOFAndEOFPrecedesClose(t *testing.T) {
	c, _ := newHost(t).dial("app")
	for range 50 {
		ch, reqs := openChannel(t, c)
		mustAccept(t, ch, "exec", execMsg{"echo out; echo err >&2; exit 5"})
		if got := readAll(t, ch); got != "out\n" {
			t.Fatalf("got %q", got)
		}
		select {
		case r := <-reqs:
			if r == nil || r.Type != "exit-status" {
				t.Fatalf("got %v at EOF, want exit-status", r)
			}
		default:
			t.Fatal("EOF came before exit-status")
		}
		if r, open := <-reqs; open {
			t.Fatalf("%s came after EOF, want the close", r.Type)
		}
	}
}

// zeroes is an output of a given length.
type zeroes struct{ io.Reader }

func newZeroes(n int64) io.Reader { return zeroes{io.LimitReader(zeros{}, n)} }

func TestOutputOfAProcessThatHasExitedIsDeliveredToASlowReader(t *testing.T) {
	const size = 100 << 20
	h := newHost(t)
	p := newScripted()
	p.stdout = newZeroes(size)
	p.exits(Exit{Code: 9}, nil)
	p.plays(h)
	c, _ := h.dial("app")
	ch, reqs := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"x"})
	total, small := 0, make([]byte, 3000)
	for {
		n, err := ch.Read(small)
		total += n
		if err != nil {
			break
		}
	}
	if total != size {
		t.Errorf("got %d bytes, want %d", total, size)
	}
	if r := receive(t, reqs); r.Type != "exit-status" || r.Payload[3] != 9 {
		t.Errorf("got %s %x, want exit-status 9", r.Type, r.Payload)
	}
}

func TestEOFDoesNotWaitForAProcessThatEndedItsOutputAndRunsOn(t *testing.T) {
	h := newHost(t)
	p := newScripted()
	p.stdout, p.stderr = strings.NewReader("all"), strings.NewReader("")
	p.plays(h)
	c, _ := h.dial("app")
	ch, reqs := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"x"})
	if got := readAll(t, ch); got != "all" {
		t.Errorf("got %q", got)
	}
	p.exits(Exit{Code: 4}, nil)
	if r := receive(t, reqs); r.Type != "exit-status" || r.Payload[3] != 4 {
		t.Errorf("got %s %x, want exit-status 4", r.Type, r.Payload)
	}
}

func TestEOFWaitsForStandardErrorAfterStandardOutput(t *testing.T) {
	h := newHost(t)
	p := newScripted()
	errs, w := io.Pipe()
	p.stdout, p.stderr = strings.NewReader(""), errs
	p.plays(h)
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"x"})
	io.WriteString(w, "still here")
	readUntil(t, ch.Stderr(), "still here")
	w.Close()
	p.exits(Exit{}, nil)
	if got := readAll(t, ch.Stderr()); got != "" {
		t.Errorf("got %q after the end", got)
	}
}

func TestInputThatNobodyReadsAnyMoreDoesNotStallTheClient(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"exec sleep 1000 0<&-"})
	const more = 16 << 20 // eight windows
	if n, err := io.Copy(ch, newZeroes(more)); n != more || err != nil {
		t.Errorf("sent %d bytes: %v", n, err)
	}
	ch.Close()
}

func TestProcessThatDoesNotReadStallsNoOtherSession(t *testing.T) {
	h := newHost(t)
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"kill -STOP $$"})
	if _, err := ch.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if r := run(t, c, "cat", "through"); r.stdout != "through" {
		t.Errorf("got %q", r.stdout)
	}
	ch.Close()
}

func TestReaderThatTakesNothingStallsNoOtherSession(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"echo x; cat /dev/zero"})
	readUntil(t, ch, "x\n")
	if r := run(t, c, "head -c 5000000 /dev/zero", ""); len(r.stdout) != 5000000 {
		t.Errorf("got %d bytes", len(r.stdout))
	}
	ch.Close()
}

func TestClosedChannelEndsItsProcess(t *testing.T) {
	h := newHost(t)
	c, _ := h.dial("app")
	ch, reqs := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"echo up; sleep 1000"})
	readUntil(t, ch, "up\n")
	ch.Close()
	for range reqs {
	}
	eventually(t, "the process to be ended", func() bool { return h.target.started[0].ends.Load() == 1 })
	if _, err := h.target.started[0].Wait(); err != nil {
		t.Error(err)
	}
}

func TestSessionsOfOneConnectionRunAtOnce(t *testing.T) {
	c, _ := newHost(t).dial("app")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			want := strings.Repeat(itoa(i)+" ", 20000)
			if r := run(t, c, "cat; cat >&2 <&-; exit "+itoa(i), want); r.stdout != want || r.status != i {
				t.Errorf("session %d: %d bytes, status %d", i, len(r.stdout), r.status)
			}
		})
	}
	all.Wait()
}

func TestFailedStartSaysWhyAndHasTheStatusOfAShell(t *testing.T) {
	for _, x := range []struct {
		err    error
		status int
	}{{errors.New("no\x1b[2Jshell"), 126}, {&fs.PathError{Op: "exec", Path: "/bin/sh", Err: fs.ErrNotExist}, 127}} {
		h := newHost(t)
		h.target.start = func(context.Context, Command) (Process, error) { return nil, x.err }
		c, _ := h.dial("app")
		r := run(t, c, "true", "input")
		if r.status != x.status || r.stderr != "switchyard: "+oneLine(x.err.Error())+"\n" {
			t.Errorf("got status %d, stderr %q", r.status, r.stderr)
		}
	}
}

func TestCommandTooLongToRunSaysSo(t *testing.T) {
	c, _ := newHost(t).dial("app")
	r := run(t, c, ": "+strings.Repeat("x", 128<<10), "")
	if r.status != exitCannotRun || !strings.Contains(r.stderr, "131071 is the most") {
		t.Errorf("got status %d, stderr %q", r.status, r.stderr)
	}
	if r := run(t, c, ": "+strings.Repeat("x", 128<<10-3), ""); r.status != 0 {
		t.Errorf("the longest command: status %d, stderr %q", r.status, r.stderr)
	}
}

func TestUnknownEndOfAProcessIsSaidAndHasNoStatus(t *testing.T) {
	h := newHost(t)
	p := newScripted()
	p.plays(h)
	p.exits(Exit{}, errors.New("the engine is gone"))
	c, _ := h.dial("app")
	r := run(t, c, "x", "")
	var missing *gossh.ExitMissingError
	if !errors.As(r.err, &missing) || !strings.Contains(r.stderr, "the engine is gone") {
		t.Errorf("got %v, stderr %q", r.err, r.stderr)
	}
}

func TestSubsystemIsServedAsAProcess(t *testing.T) {
	h := newHost(t)
	h.cfg.Subsystems = map[string]StartFunc{"echo": func(ctx context.Context, c Command) (Process, error) {
		c.Line = "cat"
		return h.target.Start(ctx, c)
	}}
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	mustRefuse(t, ch, "subsystem", subsystemMsg{"sftp"})
	mustAccept(t, ch, "subsystem", subsystemMsg{"echo"})
	io.WriteString(ch, "ping")
	ch.CloseWrite()
	if got := readAll(t, ch); got != "ping" {
		t.Errorf("got %q", got)
	}
	if got := h.target.lastCommand(t).Account.Name; got != "app" {
		t.Errorf("the subsystem runs as %q", got)
	}
}

func TestOnlyOpenSSHIsToldThatItsInputHasNoReader(t *testing.T) {
	for version, want := range map[string]string{"SSH-2.0-OpenSSH_9.9": "eow@openssh.com", "SSH-2.0-Other": "exit-status"} {
		h := newHost(t)
		p := newScripted()
		p.stdin = unread{}
		p.plays(h)
		c, err := h.open(h.serve(), "app", func(cfg *gossh.ClientConfig) { cfg.ClientVersion = version })
		if err != nil {
			t.Fatal(err)
		}
		ch, reqs := openChannel(t, c)
		mustAccept(t, ch, "exec", execMsg{"x"})
		if _, err := io.Copy(ch, newZeroes(4<<20)); err != nil { // the window shows that input is discarded
			t.Fatal(err)
		}
		if want == "exit-status" {
			p.exits(Exit{}, nil)
		}
		if r := receive(t, reqs); r.Type != want {
			t.Errorf("%s got %s, want %s", version, r.Type, want)
		}
	}
}

// unread is an input that has no reader.
type unread struct{ nowhere }

func (unread) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestProcessWhoseOutputHasNoReaderGetsSIGPIPEAtItsNextWrite(t *testing.T) {
	h := newHost(t)
	p := newScripted()
	out, w := io.Pipe()
	p.stdout = out
	p.plays(h)
	c, _ := h.dial("app")
	ch, reqs := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"x"})
	io.WriteString(w, "taken")
	readUntil(t, ch, "taken")
	mustAccept(t, ch, "eow@openssh.com", nil)
	for range 100 { // dropped, and neither stalls nor signals again
		io.WriteString(w, "dropped")
	}
	if got := p.nextCall(t); got != "signal PIPE" {
		t.Errorf("the process got %q", got)
	}
	w.Close()
	p.exits(Exit{Signal: "PIPE"}, nil)
	if got := readAll(t, ch); got != "" {
		t.Errorf("the client got %q after it took no more", got)
	}
	if r := receive(t, reqs); r.Type != "exit-signal" || len(p.calls) != 0 {
		t.Errorf("got %s, and %d more calls", r.Type, len(p.calls))
	}
}

func TestTerminalWhoseOutputHasNoReaderIsLeftAlone(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, reqs := openChannel(t, c)
	mustAccept(t, ch, "pty-req", ptyReqMsg{Term: "xterm"})
	mustAccept(t, ch, "exec", execMsg{"read x; head -c 1000000 /dev/zero; exit 3"})
	mustAccept(t, ch, "eow@openssh.com", nil)
	io.WriteString(ch, "go\n")
	if r := receive(t, reqs); r.Type != "exit-status" || r.Payload[3] != 3 {
		t.Errorf("got %s %x, want exit-status 3", r.Type, r.Payload)
	}
}
