// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"io"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/test/world"
)

// session is a client that runs, with its streams.
type session struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout world.Log
	stderr world.Log
}

// startSession starts a client. The test ends it, if it does not end itself.
func startSession(t *testing.T, c *exec.Cmd) *session {
	t.Helper()
	s := &session{cmd: c}
	var err error
	s.stdin, err = c.StdinPipe()
	must(t, err)
	if c.Stdout == nil {
		c.Stdout = &s.stdout
	}
	c.Stderr = &s.stderr
	must(t, c.Start())
	t.Cleanup(func() {
		if c.ProcessState == nil {
			c.Process.Kill()
			c.Wait()
		}
	})
	return s
}

// said is what the sessions have written to standard error.
func said(sessions []*session) (all []string) {
	for _, s := range sessions {
		if text := s.stderr.String(); text != "" {
			all = append(all, text)
		}
	}
	return all
}

// checkAnswer sends a line to the command of sshControlMaster and holds it to its answer and exit code.
func (s *session) checkAnswer(t *testing.T, line string) {
	t.Helper()
	_, err := io.WriteString(s.stdin, line+"\n")
	must(t, err)
	s.stdin.Close()
	s.cmd.Wait()
	if s.stdout.String() != "got "+line+"\n" || s.cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("stdout %q, stderr %q, exit code %d", s.stdout.String(), s.stderr.String(), s.cmd.ProcessState.ExitCode())
	}
}

// count says how many processes of the container have a word in their command line.
func (x *target) count(t *testing.T, word string) int {
	t.Helper()
	return len(x.running(t, word))
}

// kill ends them.
func (x *target) kill(t *testing.T, word string) {
	t.Helper()
	for _, pid := range x.running(t, word) {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// running are the processes of the container, but the first, that have a word in their command line.
func (x *target) running(t *testing.T, word string) (pids []int) {
	t.Helper()
	for _, p := range x.box.Processes(t) {
		if p.PID != x.box.PID(t) && strings.Contains(strings.Join(p.Args, " "), word) {
			pids = append(pids, p.PID)
		}
	}
	return pids
}
