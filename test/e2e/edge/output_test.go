// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// large is what a transfer that must not lose a byte has, as in kubectl's issue 1361.
const large = 100 << 20

func TestNoByteOfOutputIsLost(t *testing.T) {
	t.Parallel()
	eachWay(t, world.ContainerOptions{},
		promise{"100 MB of standard output followed at once by the exit", largeStdout},
		promise{"100 MB of standard error followed at once by the exit", largeStderr},
		promise{"100 MB on a raw terminal followed at once by the exit", largeTerminal},
		promise{"100 MB to a reader that stops and takes little at a time", largeToASlowReader},
		promise{"what a command wrote that ended before anybody read", unreadOutput},
		promise{"both streams, each in its own order", orderOfBothStreams},
		promise{"what a command writes to standard error once it has closed standard output", closedStdout},
		promise{"the exit status of a command that closes its outputs and runs on", closedOutputs},
		promise{"a line of output whose reader has gone ends the command", goneReader},
	)
}

// largeFile makes a file of random bytes in the container, and says what its digest is.
func (e edge) largeFile(t *testing.T) (digest string) {
	t.Helper()
	out := e.box.Shell(t, fmt.Sprintf("test -e /tmp/large || head -c %d /dev/urandom >/tmp/large; sha256sum /tmp/large", large))
	return strings.Fields(out)[0]
}

// digester is where output goes of which only the digest counts.
type digester struct {
	hash.Hash
	size int
}

func newDigester() *digester { return &digester{Hash: sha256.New()} }

func (d *digester) Write(p []byte) (int, error) {
	d.size += len(p)
	return d.Hash.Write(p)
}

// expect compares it with what was sent.
func (d *digester) expect(t *testing.T, digest string) {
	t.Helper()
	if got := fmt.Sprintf("%x", d.Sum(nil)); got != digest {
		t.Errorf("%d bytes of %d arrived, with digest %s instead of %s", d.size, large, got, digest)
	}
}

// finish runs a command to its end, which must be the exit status.
func finish(t *testing.T, c *exec.Cmd, want int) {
	t.Helper()
	bounded(t, c)
	if got := exitCode(c); got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
}

func largeStdout(t *testing.T, e edge) {
	digest, got := e.largeFile(t), newDigester()
	c := e.ssh(t, "cat /tmp/large; exit 7")
	c.Stdout = got
	finish(t, c, 7)
	got.expect(t, digest)
}

func largeStderr(t *testing.T, e edge) {
	digest, got := e.largeFile(t), newDigester()
	c := e.ssh(t, "cat /tmp/large >&2; exit 7")
	c.Stderr = got
	finish(t, c, 7)
	got.expect(t, digest)
}

func largeTerminal(t *testing.T, e edge) {
	digest, got := e.largeFile(t), newDigester()
	c := e.ssh(t, "stty raw -echo; cat /tmp/large; exit 7", "-tt", "-e", "none", "-q")
	c.Stdout = got
	finish(t, c, 7)
	got.expect(t, digest)
}

func largeToASlowReader(t *testing.T, e edge) {
	digest, got := e.largeFile(t), newDigester()
	c := e.ssh(t, "exec cat /tmp/large")
	_, out := world.Pipes(t, c)
	bounded(t, c)
	e.awaitStall(t, "cat")
	io.CopyN(got, out, 1<<20)
	e.awaitStall(t, "cat")
	io.CopyBuffer(struct{ io.Writer }{got}, struct{ io.Reader }{out}, make([]byte, 1000))
	if code := exitCode(c); code != 0 {
		t.Errorf("exit code %d", code)
	}
	got.expect(t, digest)
}

// awaitStall waits until a program of the container has written, and writes no more.
func (e edge) awaitStall(t *testing.T, name string) {
	t.Helper()
	var last int64
	same := 0
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		now := e.written(t, name)
		if same++; now != last || now == 0 {
			same = 0
		}
		last = now
		return same >= 3, fmt.Sprintf("%d bytes written", now)
	})
}

// written is how much the container's program of that name has written, in bytes (proc_pid_io(5)).
func (e edge) written(t *testing.T, name string) (n int64) {
	t.Helper()
	for _, p := range e.box.Processes(t) {
		if p.Name != name {
			continue
		}
		text, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "io"))
		for line := range bytes.Lines(text) {
			if v, ok := bytes.CutPrefix(line, []byte("wchar: ")); ok {
				n, _ = strconv.ParseInt(string(bytes.TrimSpace(v)), 10, 64)
			}
		}
	}
	return n
}

func unreadOutput(t *testing.T, e edge) {
	e.unread(t, "", "-T")
	e.unread(t, "stty raw; ", "-tt")
}

func (e edge) unread(t *testing.T, before, option string) {
	t.Helper()
	const size = 150_000
	over := "/tmp/over" + option
	c := e.ssh(t, fmt.Sprintf("%shead -c %d /dev/zero; echo $$ >%s; exit 4", before, size, over), option)
	_, out := world.Pipes(t, c)
	bounded(t, c)
	e.expectGone(t, over)
	n, err := io.Copy(io.Discard, out)
	if code := exitCode(c); n != size || err != nil || code != 4 {
		t.Errorf("%d bytes of %d, %v, exit code %d", n, size, err, code)
	}
}

func orderOfBothStreams(t *testing.T, e edge) {
	const lines = 20_000
	r := e.run(t, fmt.Sprintf("i=0; while [ $i -lt %d ]; do echo out $i; echo err $i >&2; i=$((i+1)); done", lines))
	var out, errs strings.Builder
	for i := range lines {
		fmt.Fprintln(&out, "out", i)
		fmt.Fprintln(&errs, "err", i)
	}
	if r.Stdout != out.String() || r.Stderr != errs.String() || r.Code != 0 {
		t.Errorf("%d and %d bytes of %d and %d, or in another order; exit code %d",
			len(r.Stdout), len(r.Stderr), out.Len(), errs.Len(), r.Code)
	}
}

func closedStdout(t *testing.T, e edge) {
	r := e.run(t, "echo first; exec >&-; head -c 1000000 /dev/zero >&2; exit 4")
	if r.Stdout != "first\n" || len(r.Stderr) != 1_000_000 || r.Code != 4 {
		t.Errorf("stdout %q, %d bytes of stderr, exit code %d", r.Stdout, len(r.Stderr), r.Code)
	}
}

// The client learns at once that there is no more output where the runner holds the pipes itself. Docker tells
// it no earlier than the exit.
func closedOutputs(t *testing.T, e edge) {
	ch := e.dial(t).open(t)
	ch.exec(t, "echo last; exec >&- 2>&-; until test -e /tmp/go-on; do sleep 0.02; done; exit 5")
	if e.way == byDocker {
		ch.until(t, "last\n")
	} else if out, err := io.ReadAll(ch); string(out) != "last\n" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
	e.box.Shell(t, "touch /tmp/go-on")
	if got := ch.ended(t); got != (ending{Status: 5}) {
		t.Error(got)
	}
}

func goneReader(t *testing.T, e edge) {
	c := e.ssh(t, "echo $$ >/tmp/yes; exec yes")
	_, out := world.Pipes(t, c)
	bounded(t, c)
	line := make([]byte, 2)
	if _, err := io.ReadFull(out, line); err != nil || string(line) != "y\n" {
		t.Errorf("got %q, %v", line, err)
	}
	if err := out.(io.Closer).Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	exitCode(c)
	e.expectGone(t, "/tmp/yes")
}
