// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

func TestServerThatEndsTellsEverySessionWhy(t *testing.T) {
	h := newHost(t)
	c, s := h.dial("app")
	plain, _ := openChannel(t, c)
	mustAccept(t, plain, "exec", execMsg{"echo up; exec sleep 1000"})
	readUntil(t, plain, "up\n")
	terminal, _ := openChannel(t, c)
	mustAccept(t, terminal, "pty-req", ptyReqMsg{Term: "xterm"})
	mustAccept(t, terminal, "exec", execMsg{"echo up; exec sleep 1000"})
	readUntil(t, terminal, "up\r\n")
	idle, idleRequests := openChannel(t, c)

	cause := errors.New("container \"web\" has ended with exit code 3")
	h.cancel(cause)
	for _, x := range []struct {
		ch   gossh.Channel
		want string
	}{
		{plain, "switchyard: container \"web\" has ended with exit code 3\n"},
		{terminal, "switchyard: container \"web\" has ended with exit code 3\r\n"},
		{idle, "switchyard: container \"web\" has ended with exit code 3\n"},
	} {
		if got := readAll(t, x.ch.Stderr()); got != x.want {
			t.Errorf("got %q, want %q", got, x.want)
		}
	}
	for range idleRequests { // until the close
	}
	if err := s.wait(t); err != cause {
		t.Errorf("Serve returned %v, want the cause", err)
	}
}

func TestServerThatEndsStillTellsHowTheProcessEnded(t *testing.T) {
	h := newHost(t)
	c, _ := h.dial("app")
	ch, reqs := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{`trap 'exit 3' HUP; echo up; while :; do sleep 0.02; done`})
	readUntil(t, ch, "up\n")
	h.cancel(errors.New("enough"))
	readAll(t, ch)
	if r := receive(t, reqs); r.Type != "exit-status" || r.Payload[3] != 3 {
		t.Errorf("got %s %x, want exit-status 3", r.Type, r.Payload)
	}
}

func TestServerThatEndsSaysThatADetachedCommandGoesOn(t *testing.T) {
	h := newHost(t)
	p := newScripted()
	left := make(chan struct{})
	h.target.start = func(context.Context, Command) (Process, error) { return detached{p, left}, nil }
	c, _ := h.dial("app")
	ch, reqs := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"server"})
	h.cancel(errors.New("the runner is stopping"))
	const want = "switchyard: the runner is stopping\nswitchyard: the command ignores SIGHUP, so it was detached and goes on\n"
	if got := readAll(t, ch.Stderr()); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for r := range reqs {
		t.Errorf("got %s, and nothing has exited", r.Type)
	}
}

// detached is a process that End leaves running.
type detached struct {
	*scripted
	left chan struct{}
}

func (d detached) Wait() (Exit, error) { <-d.left; return Exit{}, ErrDetached }

func (d detached) End() {
	d.scripted.End()
	close(d.left)
}

func TestPlainCancellationHasASentence(t *testing.T) {
	h := newHost(t)
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"cat"})
	h.cancel(nil)
	if got := readAll(t, ch.Stderr()); got != "switchyard: the server ended this connection\n" {
		t.Errorf("got %q", got)
	}
}

func TestCauseFromAContainerCannotTouchTheTerminal(t *testing.T) {
	h := newHost(t)
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"cat"})
	h.cancel(errors.New("gone\x1b[2J\nfake: line"))
	if got := readAll(t, ch.Stderr()); got != "switchyard: gone\\x1b[2J\\nfake: line\n" {
		t.Errorf("got %q", got)
	}
}

func TestServerThatEndsIsNotHeldByAClientThatTakesNothing(t *testing.T) {
	h := newHost(t)
	h.cfg.EndTimeout = time.Millisecond
	c, s := h.dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"cat /dev/zero >&2"})
	one := make([]byte, 1)
	if _, err := io.ReadFull(ch.Stderr(), one); err != nil {
		t.Fatal(err)
	}
	h.cancel(errors.New("enough"))
	s.wait(t)
}

func TestChannelsAreRefusedWhileTheServerEnds(t *testing.T) {
	h := newHost(t)
	p := newScripted()
	ending, letGo := newGate(), newGate()
	p.onEnd = func() { ending.open(); <-letGo.ch }
	p.plays(h)
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{"x"})
	h.cancel(errors.New("the container has ended"))
	ending.wait(t)
	refusedChannel(t, c, "session", nil, gossh.Prohibited, "the container has ended")
	letGo.open()
}

// Each state is one in which a client may vanish. serve's cleanup checks that Serve returns and that End
// was called once for each process, and TestMain that no goroutine is left.
func TestClientMayVanishInAnyState(t *testing.T) {
	for name, reach := range map[string]func(t *testing.T, h *host, s *served){
		"before it says anything": func(*testing.T, *host, *served) {},
		"after half a version": func(t *testing.T, _ *host, s *served) {
			io.WriteString(s.conn, "SSH-2.0-")
		},
		"after its version": func(t *testing.T, _ *host, s *served) {
			io.WriteString(s.conn, "SSH-2.0-Test\r\n")
			readUntil(t, s.conn, "SSH-2.0-OpenSSH_compatible Switchyard\r\n")
		},
		"authenticated": func(t *testing.T, h *host, s *served) { h.mustOpen(t, s) },
		"with an idle session": func(t *testing.T, h *host, s *served) {
			openChannel(t, h.mustOpen(t, s))
		},
		"while its process starts": func(t *testing.T, h *host, s *served) {
			asked := newGate()
			h.target.start = func(ctx context.Context, _ Command) (Process, error) {
				asked.open()
				<-ctx.Done()
				return nil, ctx.Err()
			}
			execute(t, h.mustOpen(t, s), "x")
			asked.wait(t)
		},
		"while its process starts for all that": func(t *testing.T, h *host, s *served) {
			asked := newGate()
			h.target.start = func(ctx context.Context, _ Command) (Process, error) {
				asked.open()
				<-ctx.Done()
				return newScripted(), nil
			}
			execute(t, h.mustOpen(t, s), "x")
			asked.wait(t)
		},
		"with a process": func(t *testing.T, h *host, s *served) {
			readUntil(t, execute(t, h.mustOpen(t, s), "echo up; sleep 1000"), "up\n")
		},
		"with a process on a terminal": func(t *testing.T, h *host, s *served) {
			ch, _ := openChannel(t, h.mustOpen(t, s))
			mustAccept(t, ch, "pty-req", ptyReqMsg{Term: "xterm"})
			mustAccept(t, ch, "exec", execMsg{"echo up; sleep 1000"})
			readUntil(t, ch, "up\r\n")
		},
		"with output that it does not take": func(t *testing.T, h *host, s *served) {
			readUntil(t, execute(t, h.mustOpen(t, s), "echo up; cat /dev/zero"), "up\n")
		},
		"with input that is not taken": func(t *testing.T, h *host, s *served) {
			ch := execute(t, h.mustOpen(t, s), "echo up; exec sleep 1000")
			readUntil(t, ch, "up\n")
			ch.Write(make([]byte, 1<<20))
		},
		"after its EOF": func(t *testing.T, h *host, s *served) {
			ch := execute(t, h.mustOpen(t, s), "cat; echo up; exec sleep 1000")
			ch.CloseWrite()
			readUntil(t, ch, "up\n")
		},
		"with a process that has ended its output": func(t *testing.T, h *host, s *served) {
			readAll(t, execute(t, h.mustOpen(t, s), "exec sleep 1000 >&- 2>&-"))
		},
		"with a forward": func(t *testing.T, h *host, s *served) {
			ch, inside := forwardTo(t, h.mustOpen(t, s))
			io.WriteString(inside, "x")
			readUntil(t, ch, "x")
		},
		"with a forward that is not taken": func(t *testing.T, h *host, s *served) {
			ch, _ := forwardTo(t, h.mustOpen(t, s))
			ch.Write(make([]byte, 2<<20))
		},
		"while a forward is dialled": func(t *testing.T, h *host, s *served) {
			asked := newGate()
			h.target.dial = func(ctx context.Context, _ string, _ uint16) (net.Conn, error) {
				asked.open()
				<-ctx.Done()
				return nil, ctx.Err()
			}
			c := h.mustOpen(t, s)
			go c.OpenChannel("direct-tcpip", encode("x", 1, "", 0))
			asked.wait(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			s := h.serve()
			reach(t, h, s)
			s.conn.Close()
			s.wait(t)
		})
	}
}

// mustOpen opens the client's end.
func (h *host) mustOpen(t *testing.T, s *served) *gossh.Client {
	t.Helper()
	c, err := h.open(s, "app")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// execute starts a command on a new channel.
func execute(t *testing.T, c *gossh.Client, command string) gossh.Channel {
	t.Helper()
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "exec", execMsg{command})
	return ch
}

func TestServeReturnsNilWhenTheClientLeaves(t *testing.T) {
	h := newHost(t)
	c, s := h.dial("app")
	c.Close()
	if err := s.wait(t); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestGarbageInsteadOfSSHEndsTheConnection(t *testing.T) {
	for name, garbage := range map[string]string{
		"HTTP":               "GET / HTTP/1.1\r\nHost: x\r\n\r\n" + strings.Repeat("x", 300),
		"an endless line":    strings.Repeat("x", 1000),
		"endless lines":      strings.Repeat("x\n", 2000),
		"NULs":               strings.Repeat("\x00", 1000),
		"old SSH":            "SSH-1.5-old\r\n" + strings.Repeat("\x00", 300),
		"a huge packet":      "SSH-2.0-x\r\n\xff\xff\xff\xff" + strings.Repeat("x", 300),
		"an empty packet":    "SSH-2.0-x\r\n\x00\x00\x00\x00\x00\x00\x00\x00",
		"the wrong packet":   "SSH-2.0-x\r\n\x00\x00\x00\x0c\x0a\x32\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"a TLS client hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\xaa", 300),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			s := h.serve()
			io.WriteString(s.conn, garbage)
			if err := s.wait(t); err == nil {
				t.Error("Serve returned no error")
			}
		})
	}
}

func TestClientThatStopsInTheHandshakeIsCutOff(t *testing.T) {
	for name, start := range map[string]string{"silent": "", "half a version": "SSH-2.", "only a version": "SSH-2.0-x\r\n"} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.cfg.HandshakeTimeout = 10 * time.Millisecond
			s := h.serve()
			io.WriteString(s.conn, start)
			if err := s.wait(t); err == nil || !strings.Contains(err.Error(), "not done after 10ms") {
				t.Errorf("got %v, want the timeout", err)
			}
		})
	}
}

// The clock of this test is synctest's, and the connection's bytes pass in memory.
func TestHandshakeTimeoutDoesNotCutASessionThatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		newScripted().plays(h)
		near, far := memoryPair()
		s := h.serveConn(near, far)
		ch := execute(t, h.mustOpen(t, s), "x")
		time.Sleep(100 * h.handshakeTimeout()) // synctest's clock: no waiting
		mustAccept(t, ch, "signal", signalMsg{"HUP"})
	})
}

func (h *host) handshakeTimeout() time.Duration {
	cfg := h.cfg
	cfg.setDefaults()
	return cfg.HandshakeTimeout
}

// mortal is a target that has died, of which nobody has been told yet.
type mortal struct {
	*hostTarget
	asked *gate
}

func (m mortal) Ending() bool { m.asked.open(); return true }

// A shell whose child was killed may exit before it is killed itself.
func TestASessionThatDiesWithItsTargetIsToldWhy(t *testing.T) {
	for _, exit := range []Exit{{Signal: "KILL"}, {Code: 137}} {
		h := newHost(t)
		target := mortal{h.target, newGate()}
		h.cfg.Target = target
		p := newScripted()
		p.plays(h)
		ch := execute(t, h.mustOpen(t, h.serve()), "x")
		p.exits(exit, nil)
		target.asked.wait(t)
		h.cancel(errors.New(`container "web" has ended with exit code 3`))
		told, _ := io.ReadAll(ch.Stderr())
		if string(told) != "switchyard: container \"web\" has ended with exit code 3\n" {
			t.Errorf("%+v: it is told %q", exit, told)
		}
	}
}

// A start that fails because its target goes says nothing of its own behind the line that says so.
func TestAStartThatFailsWhileTheServerEndsIsToldOnce(t *testing.T) {
	h := newHost(t)
	starting := newGate()
	h.cfg.Subsystems = map[string]StartFunc{"slow": func(ctx context.Context, _ Command) (Process, error) {
		starting.open()
		<-ctx.Done()
		return nil, errors.New("the target is no more")
	}}
	ch, _ := openChannel(t, h.mustOpen(t, h.serve()))
	mustAccept(t, ch, "subsystem", subsystemMsg{"slow"})
	starting.wait(t)
	h.cancel(errors.New("the target has ended"))
	if told, _ := io.ReadAll(ch.Stderr()); string(told) != "switchyard: the target has ended\n" {
		t.Errorf("it is told %q", told)
	}
}
