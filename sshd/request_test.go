// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"slices"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

// payloads in these tests are written as the RFC has them: strings with their length, numbers of 4 bytes.
func encode(fields ...any) []byte {
	var b []byte
	for _, f := range fields {
		switch f := f.(type) {
		case string:
			b = append(b, gossh.Marshal(struct{ S string }{f})...)
		case int:
			b = append(b, gossh.Marshal(struct{ N uint32 }{uint32(f)})...)
		}
	}
	return b
}

func TestMalformedOrMisplacedRequestsAreRefused(t *testing.T) {
	pty := encode("xterm", 80, 24, 0, 0, "\x00")
	for name, x := range map[string]struct {
		request string
		payload []byte
	}{
		"pty-req empty":                {"pty-req", nil},
		"pty-req cut":                  {"pty-req", pty[:len(pty)-1]},
		"pty-req with more behind":     {"pty-req", append(slices.Clone(pty), 0)},
		"pty-req with a lying length":  {"pty-req", []byte{0xff, 0xff, 0xff, 0xff, 'x'}},
		"pty-req with NUL in TERM":     {"pty-req", encode("x\x00m", 80, 24, 0, 0, "")},
		"pty-req with newline in TERM": {"pty-req", encode("x\nm", 80, 24, 0, 0, "")},
		"pty-req with a long TERM":     {"pty-req", encode(strings.Repeat("x", 129), 80, 24, 0, 0, "")},
		"pty-req with a cut mode":      {"pty-req", encode("xterm", 80, 24, 0, 0, "\x01\x00\x00")},
		"pty-req with too many modes":  {"pty-req", encode("xterm", 80, 24, 0, 0, strings.Repeat("\x01\x00\x00\x00\x01", 1000))},
		"window-change without a pty":  {"window-change", encode(80, 24, 0, 0)},
		"window-change cut":            {"window-change", encode(80, 24, 0)},
		"env empty":                    {"env", nil},
		"env without a value":          {"env", encode("A")},
		"env with more behind":         {"env", append(encode("A", "b"), 1)},
		"shell with a payload":         {"shell", []byte("x")},
		"exec empty":                   {"exec", nil},
		"exec with a lying length":     {"exec", []byte{0, 0, 0, 9, 'x'}},
		"exec with NUL":                {"exec", encode("echo a\x00b")},
		"subsystem empty":              {"subsystem", nil},
		"subsystem unknown":            {"subsystem", encode("netconf")},
		"signal empty":                 {"signal", nil},
		"signal unknown":               {"signal", encode("SIGTERM")},
		"signal before the process":    {"signal", encode("TERM")},
		"break empty":                  {"break", nil},
		"break without a pty":          {"break", encode(500)},
		"auth-agent-req":               {"auth-agent-req@openssh.com", nil},
		"eow with a payload":           {"eow@openssh.com", []byte("x")},
		"x11-req":                      {"x11-req", append([]byte{0}, encode("MIT-MAGIC-COOKIE-1", "00", 0)...)},
		"unknown":                      {"coffee@example.com", []byte("with milk")},
		"nameless":                     {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			c, _ := h.dial("app")
			ch, _ := openChannel(t, c)
			mustRefuse(t, ch, x.request, x.payload)
			mustAccept(t, ch, "exec", execMsg{"echo alive"})
			if got := readAll(t, ch); got != "alive\n" {
				t.Errorf("the session gave %q after it", got)
			}
		})
	}
}

func TestSecondProcessOnAChannelIsRefused(t *testing.T) {
	h := newHost(t)
	h.cfg.Subsystems = map[string]StartFunc{"x": h.target.Start}
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"cat"})
	mustRefuse(t, ch, "exec", execMsg{"cat"})
	mustRefuse(t, ch, "shell", nil)
	mustRefuse(t, ch, "subsystem", subsystemMsg{"x"})
	ch.CloseWrite()
	readAll(t, ch)
	if n := len(h.target.started); n != 1 {
		t.Errorf("%d processes were started", n)
	}
}

func TestPtyAndEnvAreRefusedOnceTheProcessStarts(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"cat"})
	mustRefuse(t, ch, "pty-req", ptyReqMsg{Term: "xterm"})
	mustRefuse(t, ch, "env", envMsg{"A", "b"})
}

func TestSecondPtyIsRefused(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "pty-req", ptyReqMsg{Term: "xterm"})
	mustRefuse(t, ch, "pty-req", ptyReqMsg{Term: "xterm"})
}

func TestRequestsAreAnsweredWhileTheProcessStarts(t *testing.T) {
	h := newHost(t)
	p := newScripted()
	asked, startNow := newGate(), newGate()
	h.target.start = func(context.Context, Command) (Process, error) {
		asked.open()
		<-startNow.ch
		return p, nil
	}
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "pty-req", ptyReqMsg{Term: "xterm", Columns: 80, Rows: 24})
	mustAccept(t, ch, "window-change", windowChangeMsg{Columns: 90, Rows: 30})
	mustAccept(t, ch, "shell", nil)
	asked.wait(t)
	for i := range 100 { // far more than any queue on the way
		mustAccept(t, ch, "window-change", windowChangeMsg{Columns: uint32(100 + i), Rows: 50})
	}
	mustAccept(t, ch, "signal", signalMsg{"INT"})
	mustAccept(t, ch, "break", breakMsg{500})
	startNow.open()
	for _, want := range []string{"resize 199x50", "signal INT", "break"} {
		if got := p.nextCall(t); got != want {
			t.Errorf("the process got %q, want %q", got, want)
		}
	}
	if got := h.target.lastCommand(t).Pty.Size; got != (WindowSize{Columns: 90, Rows: 30}) {
		t.Errorf("the process was started with the size %+v", got)
	}
}

func TestSignalsBeyondTheQueueAreRefused(t *testing.T) {
	h := newHost(t)
	startNow := newGate()
	h.target.start = func(context.Context, Command) (Process, error) { <-startNow.ch; return newScripted(), nil }
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "shell", nil)
	for range maxControl {
		mustAccept(t, ch, "signal", signalMsg{"HUP"})
	}
	mustRefuse(t, ch, "signal", signalMsg{"HUP"})
	startNow.open()
}

func TestGlobalRequestsAreAnsweredWithFailure(t *testing.T) {
	c, _ := newHost(t).dial("app")
	for _, name := range []string{"keepalive@openssh.com", "tcpip-forward", "cancel-tcpip-forward",
		"streamlocal-forward@openssh.com", "hostkeys-prove-00@openssh.com", "x"} {
		ok, payload, err := c.SendRequest(name, true, encode("localhost", 8080))
		if ok || len(payload) != 0 || err != nil {
			t.Errorf("%s: %v %q %v, want failure", name, ok, payload, err)
		}
	}
}

func TestNoMoreSessionsHoldsFromThenOn(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, _ := openChannel(t, c)
	if ok, _, err := c.SendRequest("no-more-sessions@openssh.com", true, nil); !ok || err != nil {
		t.Fatal(ok, err)
	}
	refusedChannel(t, c, "session", nil, gossh.Prohibited, "no more sessions")
	mustAccept(t, ch, "exec", execMsg{"echo alive"})
	if got := readAll(t, ch); got != "alive\n" {
		t.Errorf("the session from before gave %q", got)
	}
}

func TestNoMoreSessionsDoesNotRefuseTheSessionThatItOvertakes(t *testing.T) {
	c, _ := newHost(t).dial("app")
	if ok, _, err := c.SendRequest("no-more-sessions@openssh.com", true, nil); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if r := run(t, c, "echo in", ""); r.stdout != "in\n" {
		t.Errorf("the one session gave %q: %v", r.stdout, r.err)
	}
}

// refusedChannel opens a channel that must be refused, for that reason and with that text in its message.
func refusedChannel(t *testing.T, c *gossh.Client, kind string, payload []byte, reason gossh.RejectionReason, text string) {
	t.Helper()
	_, _, err := c.OpenChannel(kind, payload)
	refused, ok := err.(*gossh.OpenChannelError)
	if !ok {
		t.Fatalf("opening a %s channel gave %v, want a refusal", kind, err)
	}
	if refused.Reason != reason || !strings.Contains(refused.Message, text) {
		t.Errorf("got %v %q, want %v %q", refused.Reason, refused.Message, reason, text)
	}
}

func TestUnknownChannelTypesAreRefusedAsSuch(t *testing.T) {
	c, _ := newHost(t).dial("app")
	for _, kind := range []string{"x11", "forwarded-tcpip", "tun@openssh.com", "\x1b[2J", ""} {
		refusedChannel(t, c, kind, []byte("junk"), gossh.UnknownChannelType, quote(kind))
	}
}

func TestGrantWithoutShellRefusesSessions(t *testing.T) {
	h := newHost(t)
	h.grant.Features = h.grant.Features[1:]
	c, _ := h.dial("app")
	refusedChannel(t, c, "session", nil, gossh.Prohibited, `you may not open sessions in container "web"`)
}

func TestSessionsBeyondTheLimitAreRefusedUntilOneEnds(t *testing.T) {
	h := newHost(t)
	h.cfg.MaxSessions = 2
	c, _ := h.dial("app")
	first, reqs := openChannel(t, c)
	openChannel(t, c)
	refusedChannel(t, c, "session", nil, gossh.ResourceShortage, "2 sessions open")
	first.Close()
	for range reqs {
	}
	eventually(t, "a place", func() bool {
		ch, _, err := c.OpenChannel("session", nil)
		if err == nil {
			ch.Close()
		}
		return err == nil
	})
}

func TestChannelsBeyondTheLimitAreRefused(t *testing.T) {
	h := newHost(t)
	h.cfg.MaxChannels = 1
	c, _ := h.dial("app")
	openChannel(t, c)
	refusedChannel(t, c, "session", nil, gossh.ResourceShortage, "1 channels open")
	refusedChannel(t, c, "direct-tcpip", encode("127.0.0.1", 1, "", 0), gossh.ResourceShortage, "1 channels open")
}
