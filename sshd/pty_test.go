// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

func TestTerminalModes(t *testing.T) {
	for name, x := range map[string]struct {
		encoded string
		want    []TerminalMode
	}{
		"none":                        {"", nil},
		"only the end":                {"\x00", nil},
		"without the end":             {"\x01\x00\x00\x00\x03", []TerminalMode{{1, 3}}},
		"in order, twice, unknown":    {"\x9f\x00\x00\x00\x01\x01\xff\xff\xff\xff\x01\x00\x00\x00\x02\x00", []TerminalMode{{159, 1}, {1, 1<<32 - 1}, {1, 2}}},
		"ended by an undefined one":   {"\x2a\x00\x00\x00\x01\xa0\x00\x00\x00\x01\x01\x00\x00\x00\x01\x00", []TerminalMode{{42, 1}}},
		"with bytes behind the end":   {"\x00\x01\x02", nil},
		"speeds, as OpenSSH has them": {"\x81\x00\x00\x96\x00\x80\x00\x00\x96\x00\x00", []TerminalMode{{129, 38400}, {128, 38400}}},
	} {
		got, err := decodeModes([]byte(x.encoded))
		if err != nil || !slices.Equal(got, x.want) {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, x.want)
		}
	}
}

func TestSizeIsRightAtTheFirstLook(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "pty-req", ptyReqMsg{Term: "xterm", Columns: 80, Rows: 24})
	mustAccept(t, ch, "window-change", windowChangeMsg{Columns: 132, Rows: 43})
	mustAccept(t, ch, "exec", execMsg{"stty size"})
	if got := readAll(t, ch); got != "43 132\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestResizeReachesTheTerminal(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "pty-req", ptyReqMsg{Term: "xterm", Columns: 80, Rows: 24})
	mustAccept(t, ch, "exec", execMsg{`echo up; until [ "$(stty size)" = "7 9" ]; do sleep 0.02; done; echo seen`})
	readUntil(t, ch, "up\r\n")
	mustAccept(t, ch, "window-change", windowChangeMsg{Columns: 9, Rows: 7})
	readUntil(t, ch, "seen\r\n")
}

// TestInputFindsTheSizeThatWasSentBefore sends sizes and keys in turn: no key may come before its size.
func TestInputFindsTheSizeThatWasSentBefore(t *testing.T) {
	h := newHost(t)
	p := newScripted()
	p.calls = make(chan string, 2000)
	p.stdin = calledInput{p}
	p.plays(h)
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "pty-req", ptyReqMsg{Term: "xterm", Columns: 80, Rows: 24})
	mustAccept(t, ch, "exec", execMsg{"-"})
	const last = 500
	for i := 1; i <= last; i++ {
		ch.SendRequest("window-change", false, gossh.Marshal(windowChangeMsg{Columns: uint32(i), Rows: 1}))
		ch.Write([]byte(itoa(i) + "\n"))
	}
	size := 0
	for key := 0; key < last; {
		call := p.nextCall(t)
		if _, err := fmt.Sscanf(call, "resize %dx1", &size); err == nil {
			continue
		}
		for _, line := range strings.Fields(call) {
			if key, _ = strconv.Atoi(line); key > size {
				t.Fatalf("key %d comes where the size is %d", key, size)
			}
		}
	}
	p.exits(Exit{}, nil)
}

// calledInput keeps a process's input among its calls.
type calledInput struct{ p *scripted }

func (c calledInput) Write(b []byte) (int, error) { c.p.calls <- string(b); return len(b), nil }
func (c calledInput) Close() error                { return nil }

func TestTerminalIsExactForEveryByte(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "pty-req", ptyReqMsg{Term: "xterm"})
	mustAccept(t, ch, "exec", execMsg{"stty raw -echo; echo ready; head -c 256"})
	readUntil(t, ch, "ready\n")
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	ch.Write(all)
	if got := readAll(t, ch); got != string(all) {
		t.Errorf("got %q", got)
	}
}

func TestTerminalHasNoStandardErrorOfItsOwn(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "pty-req", ptyReqMsg{Term: "xterm"})
	mustAccept(t, ch, "exec", execMsg{"echo out; echo err >&2"})
	if got := readAll(t, ch); got != "out\r\nerr\r\n" {
		t.Errorf("got %q", got)
	}
	if got := readAll(t, ch.Stderr()); got != "" {
		t.Errorf("standard error got %q", got)
	}
}
