// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/runner/proc"
)

// The process calls itself what runc calls one that it prepares, until it is told to become the program.
func TestAProgramIsWaitedForUntilItIsNoMoreTheRuntimes(t *testing.T) {
	c := exec.Command("/bin/sh", "-c", "printf 'runc:[2:INIT]' >/proc/$$/comm; echo; read x; exec sleep 1000")
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, _ := c.StdinPipe()
	stdout, _ := c.StdoutPipe()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	leader, err := proc.Open(c.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer leader.Close()
	over, end := context.WithCancel(t.Context())
	end()
	awaitProgram(over, leader, time.Hour)        // for nobody, it does not wait
	awaitProgram(t.Context(), leader, gatePause) // nor for ever, for a program that has the name
	name := make(chan string)
	go func() {
		awaitProgram(t.Context(), leader, time.Hour)
		comm, _ := os.ReadFile(procPath(leader.PID(), "comm"))
		name <- strings.TrimSpace(string(comm))
	}()
	_, _ = io.WriteString(stdin, "\n")
	if got := <-name; got != "sleep" {
		t.Errorf("it was not waited for: the process is %q", got)
	}
}
