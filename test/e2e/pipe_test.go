// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io"
	"os/exec"
	"testing"
)

// pipes returns a command's standard input and output as files, which Wait does not wait for.
func pipes(t *testing.T, c *exec.Cmd) (io.WriteCloser, io.Reader) {
	t.Helper()
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.Process != nil {
			c.Process.Kill()
		}
	})
	return in, out
}
