// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stopTime bounds how long a daemon may take to stop after SIGTERM. It only bounds a failure.
const stopTime = Deadline

// Daemon is a process of the installation.
type Daemon struct {
	name string
	cmd  *exec.Cmd
	log  *Log
	done chan struct{} // closed when the process has been waited for
}

// startDaemon starts a program and sees to its end at the end of the test.
func startDaemon(tb testing.TB, name string, cmd *exec.Cmd) *Daemon {
	tb.Helper()
	d := &Daemon{name: name, cmd: cmd, log: &Log{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = d.log, d.log
	if err := cmd.Start(); err != nil {
		tb.Fatalf("starting %s: %v", name, err)
	}
	go func() { defer close(d.done); cmd.Wait() }()
	tb.Cleanup(func() {
		d.Stop(tb)
		if strings.Contains(d.Log(), "DATA RACE") {
			tb.Errorf("%s has a data race", name)
		}
		if tb.Failed() {
			tb.Logf("--- log of %s ---\n%s", name, d.Log())
		}
	})
	return d
}

// PID is the process's number.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Log is what it has written so far.
func (d *Daemon) Log() string { return d.log.String() }

// Signal sends it a signal.
func (d *Daemon) Signal(s os.Signal) { d.cmd.Process.Signal(s) }

// Kill ends it as kill -9 does, and waits.
func (d *Daemon) Kill() { d.cmd.Process.Kill(); <-d.done }

// Stop sends SIGTERM and waits. Stopped already is fine.
func (d *Daemon) Stop(tb testing.TB) {
	tb.Helper()
	d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.done:
	case <-time.After(stopTime):
		d.cmd.Process.Signal(syscall.SIGQUIT) // the log then says where it hangs
		<-d.done
		tb.Errorf("%s did not stop within %v of SIGTERM", d.name, stopTime)
	}
}

// Done is closed when it has ended.
func (d *Daemon) Done() <-chan struct{} { return d.done }

// Exited tells whether it has ended.
func (d *Daemon) Exited() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// ExitCode is its exit code once it has ended, -1 when a signal ended it.
func (d *Daemon) ExitCode() int { <-d.done; return d.cmd.ProcessState.ExitCode() }

// Log collects output. Its methods may be called concurrently.
type Log struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
