// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"switchyard/test/rig"
)

// commandTime bounds a command of a test. It only bounds a failure.
const commandTime = 3 * Deadline

// Result is what a finished command left. Code is -1 when a signal ended it.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// SSHCommand prepares a run of the system's ssh with the world's configuration. Set its streams, start
// it, and wait for it.
func (w *World) SSHCommand(tb testing.TB, args ...string) *exec.Cmd {
	tb.Helper()
	return w.command(rig.NeedSSH(tb), append([]string{"-F", w.sshConfig()}, args...)...)
}

// SSH runs ssh to its end with nothing on its standard input.
func (w *World) SSH(tb testing.TB, args ...string) Result {
	tb.Helper()
	return w.SSHInput(tb, nil, args...)
}

// SSHInput runs ssh to its end with stdin.
func (w *World) SSHInput(tb testing.TB, stdin io.Reader, args ...string) Result {
	tb.Helper()
	c := w.SSHCommand(tb, args...)
	c.Stdin = stdin
	return Finish(tb, c)
}

// SSHOutput runs ssh, which must exit 0 and say nothing on stderr, and returns its trimmed standard output.
func (w *World) SSHOutput(tb testing.TB, args ...string) string {
	tb.Helper()
	r := w.SSH(tb, args...)
	if r.Code != 0 || r.Stderr != "" {
		tb.Fatalf("ssh %q: exit code %d, stderr %q", args, r.Code, r.Stderr)
	}
	return strings.TrimSpace(r.Stdout)
}

// Finish runs a command to its end, which is a failure when it does not come.
func Finish(tb testing.TB, c *exec.Cmd) Result {
	tb.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	c.WaitDelay = commandTime
	if err := c.Start(); err != nil {
		tb.Fatalf("starting %q: %v", c.Args, err)
	}
	timer := time.AfterFunc(commandTime, func() { c.Process.Kill() })
	err := c.Wait()
	if !timer.Stop() {
		tb.Fatalf("%q did not end within %v; stdout %.300q, stderr %q", c.Args, commandTime, out.String(), errs.String())
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		tb.Fatalf("%q: %v", c.Args, err)
	}
	return Result{Stdout: out.String(), Stderr: errs.String(), Code: c.ProcessState.ExitCode()}
}
