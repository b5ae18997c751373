// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"switchyard/test/rig"
)

// Deadline bounds a wait for something that happens. It only bounds a failure, on a machine that is busy with much else.
const Deadline = 3 * time.Minute

// Pipes returns a command's standard input and output as files, which Wait does not wait for. The command is killed when
// the test ends.
func Pipes(tb testing.TB, c *exec.Cmd) (io.WriteCloser, io.Reader) {
	tb.Helper()
	in, err := c.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if c.Process != nil {
			c.Process.Kill()
		}
	})
	return in, out
}

// Background starts a command until the test ends, and collects its standard error.
func Background(tb testing.TB, c *exec.Cmd) *Log {
	tb.Helper()
	log := &Log{}
	c.Stderr = log
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Process.Kill(); c.Wait() })
	return log
}

// Master opens a shared connection (ssh_config(5), ControlMaster) until the test ends, and returns its socket. The options
// are for ssh, and end with login@container.
func (w *World) Master(tb testing.TB, options ...string) string {
	tb.Helper()
	socket := filepath.Join(tb.TempDir(), "m")
	c := w.SSHCommand(tb, append([]string{"-M", "-N", "-S", socket}, options...)...)
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { w.SSH(tb, "-S", socket, "-O", "exit", "master"); c.Wait() })
	rig.Eventually(tb, Deadline, func() (bool, string) {
		r := w.SSH(tb, "-S", socket, "-O", "check", "master")
		return r.Code == 0, r.Stderr
	})
	return socket
}
