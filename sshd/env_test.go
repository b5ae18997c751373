// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"slices"
	"strings"
	"testing"
)

func TestEnvNamesAndValues(t *testing.T) {
	long := strings.Repeat("v", maxEnvString-2)
	for _, x := range []struct {
		name, value string
		ok          bool
	}{
		{"LANG", "C.UTF-8", true},
		{"_", "x", true},
		{"a1_B", "x", true},
		{"EMPTY", "", true},
		{"LINES_OF_TEXT", "one\ntwo\r\n", true},
		{"EQUALS", "a=b=c", true},
		{"BYTES", "\x01\x1b\xff", true},
		{"L", long, true},
		{"L", long + "v", false},
		{"TERM", "vt100", true},
		{"LDFLAGS", "-s", true},
		{"TMPDIR", "/tmp", true},
		{"", "x", false},
		{"1A", "x", false},
		{"A B", "x", false},
		{"A=B", "x", false},
		{"A\nB", "x", false},
		{"A\x00B", "x", false},
		{"É", "x", false},
		{"BASH_FUNC_ls%%", "() { :; }", false},
		{"NUL", "a\x00b", false},
		{"LD_PRELOAD", "/tmp/x.so", false},
		{"LD_ANYTHING_NEW", "x", false},
		{"DYLD_INSERT_LIBRARIES", "x", false},
		{"GLIBC_TUNABLES", "x", false},
		{"BASH_ENV", "/tmp/x", false},
		{"ENV", "/tmp/x", false},
		{"IFS", "x", false},
		{"PATH", "/tmp", false},
		{"HOME", "/tmp", false},
		{"SSH_AUTH_SOCK", "/tmp/x", false},
		{"SSH_CONNECTION", "x", false},
	} {
		if err := checkEnv(x.name, x.value); (err == nil) != x.ok {
			t.Errorf("%.40q=%.40q: %v, want accepted %v", x.name, x.value, err, x.ok)
		}
	}
}

func TestEnvironmentIsBoundedInCountAndBytes(t *testing.T) {
	cfg := Config{MaxEnvVars: 2, MaxEnvVarBytes: 10}
	var e environment
	for _, x := range []struct {
		name, value string
		ok          bool
	}{
		{"A", "12345", true}, // 7 bytes
		{"B", "12", false},   // 11
		{"B", "1", true},     // 10
		{"C", "", false},     // a third
		{"A", "1", true},     // 6
		{"B", "1234", true},  // 9
	} {
		if err := e.add(&cfg, x.name, x.value); (err == nil) != x.ok {
			t.Errorf("%s=%s: %v, want accepted %v", x.name, x.value, err, x.ok)
		}
	}
	if want := []string{"A=1", "B=1234"}; !slices.Equal(e.vars, want) || e.bytes != 9 {
		t.Errorf("got %q of %d bytes, want %q", e.vars, e.bytes, want)
	}
}

func TestProcessGetsTheClientsVariablesByteForByte(t *testing.T) {
	c, _ := newHost(t).dial("app")
	ch, _ := openChannel(t, c)
	const value = "two\nlines, a tab\t, \xff and =\r"
	mustAccept(t, ch, "env", envMsg{"FIRST", value})
	mustAccept(t, ch, "env", envMsg{"EMPTY", ""})
	mustRefuse(t, ch, "env", envMsg{"LD_PRELOAD", "x"})
	mustAccept(t, ch, "exec", execMsg{`printf %s "$FIRST"; echo "${EMPTY-unset}${LD_PRELOAD-denied}"`})
	if got := readAll(t, ch); got != value+"denied\n" {
		t.Errorf("got %q", got)
	}
}

func TestProcessGetsTheClientsAddressAndTerminal(t *testing.T) {
	h := newHost(t)
	h.grant.ClientAddress = "[2001:db8::1]:40000"
	c, _ := h.dial("app")
	ch, _ := openChannel(t, c)
	mustAccept(t, ch, "env", envMsg{"TERM", "loses"})
	mustAccept(t, ch, "env", envMsg{"A", "b"})
	mustAccept(t, ch, "pty-req", ptyReqMsg{Term: "xterm-256color"})
	mustAccept(t, ch, "exec", execMsg{"true"})
	readAll(t, ch)
	want := []string{"A=b", "TERM=xterm-256color", "SSH_CLIENT=2001:db8::1 40000 65535",
		"SSH_CONNECTION=2001:db8::1 40000 UNKNOWN 65535"}
	if got := h.target.lastCommand(t).Env; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAddressThatIsNoneMakesNoVariable(t *testing.T) {
	for _, address := range []string{"", "unix", "host:22", "192.0.2.1", "192.0.2.1:99999", "1.2.3.4:5\n"} {
		if got := connectionVars(address); got != nil {
			t.Errorf("%q made %q", address, got)
		}
	}
	if got := connectionVars("[::ffff:192.0.2.1]:5"); got[0] != "SSH_CLIENT=192.0.2.1 5 65535" {
		t.Errorf("got %q", got)
	}
}
