// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/creack/pty"
)

// Terminal is a command on a terminal, which is the test's to type at and to read.
type Terminal struct {
	*os.File
	cmd  *exec.Cmd
	seen bytes.Buffer
}

// OpenTerminal starts a command on a terminal. It is killed when the test ends.
func OpenTerminal(tb testing.TB, c *exec.Cmd, size pty.Winsize) *Terminal {
	tb.Helper()
	f, err := pty.StartWithSize(c, &size)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Process.Kill(); c.Wait(); f.Close() })
	return &Terminal{File: f, cmd: c}
}

// KillLate bounds a wait until it is stopped: a terminal's file has no deadlines, but ends with its process.
func (x *Terminal) KillLate() *time.Timer {
	return time.AfterFunc(Deadline, func() { x.cmd.Process.Kill() })
}

// Expect reads until want has been seen, and forgets everything up to there.
func (x *Terminal) Expect(tb testing.TB, want string) {
	tb.Helper()
	defer x.KillLate().Stop()
	buf := make([]byte, 4096)
	for {
		if i := bytes.Index(x.seen.Bytes(), []byte(want)); i >= 0 {
			x.seen.Next(i + len(want))
			return
		}
		n, err := x.Read(buf)
		x.seen.Write(buf[:n])
		if err != nil {
			tb.Fatalf("waiting for %q: %v; seen %q", want, err, x.seen.String())
		}
	}
}

// Seen is what has been read and not been expected.
func (x *Terminal) Seen() string { return x.seen.String() }

// End reads what there is until the command closes the terminal, and returns its exit code; -1 when a signal ended it.
func (x *Terminal) End() int {
	defer x.KillLate().Stop()
	io.Copy(io.Discard, x)
	x.cmd.Wait()
	return x.cmd.ProcessState.ExitCode()
}
