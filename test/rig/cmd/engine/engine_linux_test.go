// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"switchyard/test/rig"
	"switchyard/test/rig/dockerd"
)

// The test binary is also the command under test: see start.
func TestMain(m *testing.M) {
	if os.Getenv("ENGINE_TEST_MAIN") == "1" {
		os.Unsetenv("ENGINE_TEST_MAIN")
		main()
	}
	os.Exit(rig.VerifyNoLeaks(m))
}

func needDockerd(t *testing.T) {
	t.Helper()
	if os.Getenv(rig.EngineVariable) == "none" {
		t.Skip("tests without Docker")
	}
	rig.NeedRoot(t)
	rig.NeedTool(t, "dockerd")
}

// engine is the command, in a temporary directory of its own.
type engine struct {
	*exec.Cmd
	temp   string
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// prepare makes the command such that it finds no engine and starts one. Where
// the machine has one of its own, only "-serve" is sure to.
func prepare(t *testing.T, args ...string) *engine {
	t.Helper()
	temp, err := os.MkdirTemp("/tmp", "swy-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temp) })
	e := &engine{Cmd: exec.Command(os.Args[0], args...), temp: temp}
	e.Env = append(os.Environ(), "ENGINE_TEST_MAIN=1", "DOCKER_HOST=", "TMPDIR="+temp)
	return e
}

// launch starts the command with pipes.
func launch(t *testing.T, args ...string) *engine {
	t.Helper()
	e := prepare(t, args...)
	e.Stderr = os.Stderr
	stdin, err := e.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := e.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	e.stdin, e.stdout = stdin, bufio.NewReader(stdout)
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *engine) line(t *testing.T) string {
	t.Helper()
	line, err := e.stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("reading what the command prints: %v", err)
	}
	return strings.TrimSpace(line)
}

// wantNothingLeft waits for processes that end on their own, then looks at the
// directory.
func (e *engine) wantNothingLeft(t *testing.T) {
	t.Helper()
	e.wantNoProcess(t)
	if entries, err := os.ReadDir(e.temp); err != nil || len(entries) > 0 {
		t.Errorf("left in %q: %v (%v)", e.temp, entries, err)
	}
}

func (e *engine) wantNoProcess(t *testing.T) {
	t.Helper()
	rig.Eventually(t, 30*time.Second, func() (bool, string) {
		left := rig.Processes(func(p rig.Process) bool { return strings.Contains(strings.Join(p.Args, " "), e.temp) })
		if len(left) == 0 {
			return true, ""
		}
		return false, left[0].String()
	})
}

func TestCommandGetsAnEngineAndItsExitCodeIsPassedOn(t *testing.T) {
	needDockerd(t)
	e := launch(t, "--", "sh", "-c", "echo $DOCKER_HOST; echo $SWITCHYARD_TEST_RUN; exit 7")
	if host := e.line(t); !strings.HasPrefix(host, "unix://") {
		t.Errorf("DOCKER_HOST is %q", host)
	}
	if run := e.line(t); run == "" {
		t.Error("SWITCHYARD_TEST_RUN is empty")
	}
	_ = e.Wait()
	if code := e.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit code %d, want 7", code)
	}
	e.wantNothingLeft(t)
}

func TestSignalsReachTheCommandAndTheEngineIsRemoved(t *testing.T) {
	needDockerd(t)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		e := launch(t, "--", "sh", "-c", "trap 'echo got it; exit 3' INT TERM; echo ready; read never")
		if got := e.line(t); got != "ready" {
			t.Fatalf("the command says %q", got)
		}
		if err := e.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if got := e.line(t); got != "got it" {
			t.Errorf("after %v the command says %q", signal, got)
		}
		_ = e.Wait()
		if code := e.ProcessState.ExitCode(); code != 3 {
			t.Errorf("exit code %d after %v, want 3", code, signal)
		}
		e.wantNothingLeft(t)
	}
}

func TestSecondSignalKillsACommandThatIgnoresTheFirst(t *testing.T) {
	needDockerd(t)
	e := launch(t, "--", "sh", "-c", "trap 'echo ignored' TERM; echo ready; while :; do read never; done")
	e.line(t)
	if err := e.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := e.line(t); got != "ignored" {
		t.Fatalf("the command says %q", got)
	}
	if err := e.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = e.Wait()
	if code := e.ProcessState.ExitCode(); code != 128+int(syscall.SIGKILL) {
		t.Errorf("exit code %d, want that of SIGKILL", code)
	}
	e.wantNothingLeft(t)
}

func TestInterruptsOnATerminalAreTheCommandsAffair(t *testing.T) {
	needDockerd(t)
	e := prepare(t, "--", "sh", "-c", `trap 'echo got it' INT; echo ready; read a; read b; read c; exit 4`)
	terminal, err := pty.Start(e.Cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	screen := bufio.NewReader(terminal)
	until := func(want string) {
		for line := ""; !strings.Contains(line, want); {
			if line, err = screen.ReadString('\n'); err != nil {
				t.Fatalf("waiting for %q: %v", want, err)
			}
		}
	}
	until("ready")
	for range 2 { // a second signal would kill, were it passed on
		terminal.WriteString("\x03")
		until("got it")
	}
	terminal.WriteString("\n\n\n")
	_ = e.Wait()
	if code := e.ProcessState.ExitCode(); code != 4 {
		t.Errorf("exit code %d, want 4", code)
	}
	e.wantNothingLeft(t)
}

func TestServeEndsWithItsStandardInput(t *testing.T) {
	needDockerd(t)
	e := launch(t, "-serve")
	if host := e.line(t); !strings.HasPrefix(host, "unix://"+e.temp) {
		t.Errorf("host %q, want one in %q", host, e.temp)
	}
	e.stdin.Close()
	if err := e.Wait(); err != nil {
		t.Error(err)
	}
	e.wantNothingLeft(t)
}

func TestKilledServeLeavesNoProcess(t *testing.T) {
	needDockerd(t)
	e := launch(t, "-serve")
	e.line(t)
	if err := e.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = e.Wait()
	e.wantNoProcess(t)
}

func TestTriedCommandRunsWithoutAnEngineWhenNoneCanBeHad(t *testing.T) {
	needDockerd(t)
	if dockerd.Find(t.Context()) == dockerd.DefaultHost {
		t.Skip("the machine's own engine would be found")
	}
	t.Setenv("PATH", "/nonexistent") // so there is no dockerd
	for arg, want := range map[string]int{"-try": 5, "--": exitNoEngine} {
		args := []string{"-try", "--", "/bin/sh", "-c", `[ -z "$DOCKER_HOST" ] && exit 5`}
		if arg == "--" {
			args = args[1:]
		}
		e := launch(t, args...)
		_ = e.Wait()
		if code := e.ProcessState.ExitCode(); code != want {
			t.Errorf("exit code %d of %q, want %d", code, args, want)
		}
		e.wantNothingLeft(t)
	}
}

func TestWrongUsageStartsNothing(t *testing.T) {
	for _, args := range [][]string{{}, {"--"}, {"sh"}, {"-serve", "x"}, {"-try", "sh"}, {"-try", "--"}} {
		if code, err := run(args, nil); code != 2 || err == nil {
			t.Errorf("run(%q): code %d, error %v", args, code, err)
		}
	}
	code, err := run([]string{"--", filepath.Join(t.TempDir(), "no-such-command")}, nil)
	if code != exitNoEngine || err == nil {
		t.Errorf("a command that is not there: code %d, error %v", code, err)
	}
}
