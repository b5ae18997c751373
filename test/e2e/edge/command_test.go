// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"switchyard/test/world"
)

func TestCommandsAndVariablesArriveAsTheyAre(t *testing.T) {
	t.Parallel()
	eachWay(t, world.ContainerOptions{},
		promise{"a command line with every byte but NUL", everyByteButNUL},
		promise{"a command line of 127 KiB", longCommand},
		promise{"a command line of 127 KiB that is not UTF-8", longInvalidCommand},
		promise{"a command line of 128 KiB is refused with a sentence", tooLongCommand},
		promise{"a command line of nothing", emptyCommand},
		promise{"a command line of many lines", manyLines},
		promise{"128 variables, and not one more", manyVariables},
		promise{"a variable of 127 KiB", longVariable},
		promise{"a megabyte of variables with a command line of 127 KiB", everythingLong},
		promise{"the locale's variables by SendEnv, and the terminal's type", locale},
		promise{"variables that act before the command are not taken", refusedVariables},
	)
}

// quoted is text as one word of a POSIX shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// everyByte holds each byte but NUL at least once.
func everyByte(size int) string {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i%255 + 1)
	}
	return string(b)
}

// expectDigest runs a command line that prints text, which must arrive as it is.
func (e edge) expectDigest(t *testing.T, text, line string) {
	t.Helper()
	r := e.run(t, line)
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte(text))); !strings.HasPrefix(r.Stdout, want) || r.Code != 0 {
		t.Errorf("of %d bytes the digest inside is %q and not %s, exit code %d, stderr %.300q", len(text), r.Stdout, want, r.Code, r.Stderr)
	}
}

// printing is a command line of exactly that many bytes, that prints text, which takes fewer.
func printing(text string, size int) string {
	line := "printf %s " + quoted(text) + " | sha256sum #"
	return line + strings.Repeat("#", max(0, size-len(line)))
}

func everyByteButNUL(t *testing.T, e edge) {
	text := everyByte(255)
	e.expectDigest(t, text, printing(text, 0))
}

const kib = 1 << 10

func longCommand(t *testing.T, e edge) {
	text := strings.Repeat("0123456789 äöü ", 120*kib/18)
	e.expectDigest(t, text, printing(text, 127*kib))
}

func longInvalidCommand(t *testing.T, e edge) {
	text := everyByte(125 * kib)
	e.expectDigest(t, text, printing(text, 127*kib))
}

// Locally, no argument may be that long either, so there are two: ssh joins them by a space.
func tooLongCommand(t *testing.T, e edge) {
	c := e.ssh(t, "echo never; :")
	c.Args = append(c.Args, strings.Repeat("x", 64*kib), strings.Repeat("x", 64*kib))
	r := world.Finish(t, c)
	if r.Code != 126 || r.Stdout != "" || !strings.Contains(r.Stderr, "send it on standard input instead") || strings.Count(r.Stderr, "\n") != 1 {
		t.Errorf("exit code %d, stdout %q, stderr %.300q", r.Code, r.Stdout, r.Stderr)
	}
}

// OpenSSH's client takes an empty command for none. Others send it.
func emptyCommand(t *testing.T, e edge) {
	ch := e.dial(t).open(t)
	ch.exec(t, "")
	if got := ch.ended(t); got != (ending{}) {
		t.Error(got)
	}
}

func manyLines(t *testing.T, e edge) {
	if r := e.run(t, "cat <<E\none\n  two\nE\n\n# three\necho four\n\n"); r.Stdout != "one\n  two\nfour\n" || r.Code != 0 {
		t.Errorf("%+v", r)
	}
}

func manyVariables(t *testing.T, e edge) {
	c := e.ssh(t, "env | grep ^V_ | sort -t_ -k2n", "-o", "SendEnv=V_*")
	var want strings.Builder
	for i := range 128 {
		fmt.Fprintf(&want, "V_%d=value of %d\n", i, i)
	}
	lines := strings.Split(strings.TrimSpace(want.String()), "\n")
	c.Env = append(c.Env, lines...)
	if r := world.Finish(t, c); r.Stdout != want.String() {
		t.Errorf("got %q, stderr %q", r.Stdout, r.Stderr)
	}
	ch := e.dial(t).open(t)
	for i := range 128 {
		ch.ask(t, "env", struct{ Name, Value string }{fmt.Sprint("V_", i), ""})
	}
	if ok, err := ch.SendRequest("env", true, marshal(struct{ Name, Value string }{"V_128", ""})); ok || err != nil {
		t.Errorf("a variable too many is accepted: %t, %v", ok, err)
	}
	ch.ask(t, "env", struct{ Name, Value string }{"V_5", "again"}) // takes no place of its own
}

func longVariable(t *testing.T, e edge) {
	text := strings.Repeat("long ", 127*kib/5)
	c := e.ssh(t, `printf %s "$LONG" | sha256sum`, "-o", "SendEnv=LONG")
	c.Env = append(c.Env, "LONG="+text)
	r := world.Finish(t, c)
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte(text))); !strings.HasPrefix(r.Stdout, want) {
		t.Errorf("got %q, want %s; exit code %d, stderr %q", r.Stdout, want, r.Code, r.Stderr)
	}
}

func everythingLong(t *testing.T, e edge) {
	text := everyByte(120 * kib)
	c := e.ssh(t, "echo ${#V_0} ${#V_7}; "+printing(text, 127*kib-30), "-o", "SendEnv=V_*")
	for i := range 8 {
		c.Env = append(c.Env, fmt.Sprintf("V_%d=%s", i, bytes.Repeat([]byte{byte('a' + i)}, 127*kib)))
	}
	r := world.Finish(t, c)
	want := fmt.Sprintf("%d %d\n%x", 127*kib, 127*kib, sha256.Sum256([]byte(text)))
	if !strings.HasPrefix(r.Stdout, want) || r.Code != 0 {
		t.Errorf("got %q, want %s; exit code %d, stderr %.300q", r.Stdout, want, r.Code, r.Stderr)
	}
}

func locale(t *testing.T, e edge) {
	c := e.ssh(t, "echo $LANG $LC_ALL $LC_TIME $COLORTERM $TERM", "-tt", "-q", "-o", "SendEnv=LANG LC_* COLORTERM")
	c.Env = append(c.Env, "LANG=de_DE.UTF-8", "LC_ALL=C.UTF-8", "LC_TIME=en_GB", "COLORTERM=truecolor", "TERM=screen")
	if r := world.Finish(t, c); r.Stdout != "de_DE.UTF-8 C.UTF-8 en_GB truecolor screen\r\n" {
		t.Errorf("%+v", r)
	}
}

func refusedVariables(t *testing.T, e edge) {
	ch := e.dial(t).open(t)
	for _, name := range []string{"LD_PRELOAD", "PATH", "HOME", "BASH_ENV", "ENV", "IFS", "SSH_AUTH_SOCK", "A=B", "A-B", ""} {
		if ok, err := ch.SendRequest("env", true, marshal(struct{ Name, Value string }{name, "/x"})); ok || err != nil {
			t.Errorf("the variable %q is accepted: %t, %v", name, ok, err)
		}
	}
	ch.exec(t, `test "$HOME" = /root && env | grep -c /x$`)
	ch.until(t, "0\n")
}
