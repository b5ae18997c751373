// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// What is here is SSH's transport (RFC 4253) and its connection, which are the same however processes start.
func TestTheTransportHolds(t *testing.T) {
	t.Parallel()
	byTheRuntime(t, world.ContainerOptions{},
		promise{"rekeying every megabyte loses nothing in either direction", rekeying},
		promise{"rekeying every megabyte loses nothing of files by sftp", rekeyingFiles},
		promise{"compression that is asked for is declined, and nothing else changes", compression},
		promise{"keepalives are answered while the client takes no output", keepalivesWhileNotReading},
		promise{"keepalives are answered while the command takes no input", keepalivesWhileNotRead},
	)
}

// logged runs a command with the client's debug log in a file, which it returns.
func (e edge) logged(t *testing.T, command, level string, options ...string) (*exec.Cmd, string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	return e.ssh(t, command, append([]string{level, "-E", log}, options...)...), log
}

func countIn(t *testing.T, file, what string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(text), what)
}

func compression(t *testing.T, e edge) {
	const size = 5 << 20
	c, log := e.logged(t, "cat; exit 9", "-v", "-C")
	got := newDigester()
	c.Stdin, c.Stdout = randomBytes(5, size), got
	finish(t, c, 9)
	got.expect(t, digestOf(randomBytes(5, size)))
	if n := countIn(t, log, "compression: none"); n != 2 {
		text, _ := os.ReadFile(log)
		t.Errorf("compression is off in %d directions of 2:\n%s", n, text)
	}
}

// patience are options under which OpenSSH's client asks every second whether the server lives, and waits for an answer as
// long as it takes a machine that is busy with much else.
var patience = []string{"-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=120"}

// keepaliveAnswered is what the client logs of an answer: failure, as OpenSSH's own server answers (RFC 4254 section 4).
const keepaliveAnswered = "receive packet: type 82"

// expectKeepalives waits for several answers.
func expectKeepalives(t *testing.T, log string) {
	t.Helper()
	before := countIn(t, log, keepaliveAnswered)
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		n := countIn(t, log, keepaliveAnswered) - before
		return n >= 4, fmt.Sprintf("%d keepalives answered", n)
	})
}

func keepalivesWhileNotReading(t *testing.T, e edge) {
	t.Parallel()
	c, log := e.logged(t, "exec yes", "-vvv", patience...)
	_, out := world.Pipes(t, c)
	bounded(t, c)
	e.awaitStall(t, "yes")
	expectKeepalives(t, log)
	before := e.written(t, "yes")
	if n, err := io.CopyN(io.Discard, out, 10<<20); err != nil {
		t.Fatalf("after the stall the session gave %d bytes more, and %v", n, err)
	}
	if now := e.written(t, "yes"); now <= before {
		t.Errorf("the command wrote %d bytes, and %d after the stall", before, now)
	}
}

func keepalivesWhileNotRead(t *testing.T, e edge) {
	t.Parallel()
	const size = 20 << 20
	c, log := e.logged(t, "until test -e /tmp/read-it; do sleep 0.05; done; sha256sum", "-vvv", patience...)
	c.Stdin = randomBytes(6, size)
	var out strings.Builder
	c.Stdout = &out
	bounded(t, c)
	expectKeepalives(t, log)
	e.box.Shell(t, "touch /tmp/read-it")
	if code, want := exitCode(c), digestOf(randomBytes(6, size)); !strings.HasPrefix(out.String(), want) || code != 0 {
		t.Errorf("the digest inside is %q and not %s, exit code %d", out.String(), want, code)
	}
}
