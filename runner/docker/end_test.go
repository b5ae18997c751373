// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/client"

	"switchyard/sshd"
	"switchyard/test/rig"
)

// nothingLeft checks that no process of a session and no exec instance is left.
// A main process that collects no orphans is not a session's fault.
func (w *world) nothingLeft(t *testing.T) {
	t.Helper()
	for _, p := range w.Processes(t) {
		if p.PID != w.PID(t) && p.State != 'Z' {
			t.Errorf("a process is left: %v", p)
		}
	}
	w.noInstanceLeft(t)
}

// noInstanceLeft waits: the engine tells of an instance's end a moment before it
// drops it from the container's list.
func (w *world) noInstanceLeft(t *testing.T) {
	t.Helper()
	rig.Eventually(t, timeout, func() (bool, string) {
		execs := w.Execs(t)
		return len(execs) == 0, fmt.Sprintf("exec instances are left: %q", execs)
	})
}

// until reads lines until one is as wanted.
func until(t *testing.T, out *bufio.Reader, want string) {
	t.Helper()
	for {
		got, err := out.ReadString('\n')
		if err != nil {
			t.Fatalf("waiting for %q: %v", want, err)
		}
		if strings.TrimSpace(got) == want {
			return
		}
	}
}

func TestEndLeavesNothingWhateverTheSessionDoes(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		for name, command := range map[string]sshd.Command{
			"waiting for input":         line("echo ready; read x"),
			"sleeping":                  line("echo ready; sleep 1000"),
			"with children":             line("sh -c 'sleep 1000 & sleep 1001 & wait' & echo ready; wait"),
			"writing what nobody reads": line("echo ready; yes"),
			"stopped":                   line("sleep 1000 & kill -STOP $!; echo ready; kill -STOP $$"),
			"stubborn":                  line("trap 'echo no' HUP TERM INT; echo ready; while :; do sleep 0.05; done"),
			"gone, but for a child":     line("sleep 1000 > /dev/null 2>&1 & echo ready; exit 3"),
			"gone":                      line("echo ready; exit 3"),
			"on a terminal":             onTerminal("echo ready; sleep 1000"),
			"an interactive shell":      onTerminal("set -m; sleep 1000 & sh -c 'echo ready; sleep 1001'"),
			"reading a terminal":        onTerminal("stty raw; echo ready; exec cat"),
			"filling a terminal":        onTerminal("echo ready; yes"),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := open(t, by, rig.ContainerSpec{})
				p := w.start(t, command)
				until(t, bufio.NewReader(p.Stdout()), "ready")
				if strings.HasPrefix(name, "gone") {
					if _, err := p.Wait(); err != nil {
						t.Error(err)
					}
				}
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(p.End)
				}
				wg.Wait()
				w.nothingLeft(t)
				if _, err := p.Wait(); err != nil {
					t.Errorf("waiting afterwards: %v", err)
				}
				if _, err := io.Copy(io.Discard, p.Stdout()); err != nil {
					t.Errorf("reading afterwards: %v", err)
				}
				if _, err := p.Stdin().Write([]byte("x")); err == nil {
					t.Error("a write afterwards succeeded")
				}
			})
		}
	})
}

func TestWhatWasDetachedOnPurposeSurvives(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		for name, command := range map[string]sshd.Command{
			"2 by pipes":      line("setsid sleep 2001 & (trap '' HUP; exec sleep 2002) & sleep 2003 & echo ready; wait"),
			"3 on a terminal": onTerminal("setsid sleep 3001 & (trap '' HUP; exec sleep 3002) & sleep 3003 & echo ready; wait"),
		} {
			p := w.start(t, command)
			until(t, bufio.NewReader(p.Stdout()), "ready")
			rig.Eventually(t, timeout, func() (bool, string) { // they detach themselves a moment after their start
				ps := w.Shell(t, "ps -o args")
				return strings.Count(ps, "\nsleep "+name[:1]) == 3, ps
			})
			p.End()
		}
		ps := w.Shell(t, "ps -o args")
		for sleep, want := range map[string]bool{"2001": true, "2002": true, "2003": false, "3001": true, "3002": true, "3003": false} {
			if got := strings.Contains(ps, "sleep "+sleep); got != want {
				t.Errorf("sleep %s lives: %v, want %v", sleep, got, want)
			}
		}
		w.noInstanceLeft(t)
	})
}

func TestALeaderThatWasDetachedIsLeftAlone(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		p := w.start(t, line("trap '' HUP; echo ready; exec sleep 2000"))
		until(t, bufio.NewReader(p.Stdout()), "ready")
		p.End()
		if !strings.Contains(w.Shell(t, "ps -o args"), "sleep 2000") {
			t.Error("it was ended")
		}
		if _, err := p.Wait(); err != sshd.ErrDetached {
			t.Errorf("nobody knows how it will end, but Wait says %v", err)
		}
	})
}

func TestASessionEndsWithItsContainer(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		pipe, terminal := w.start(t, line("sleep 1000")), w.start(t, onTerminal("sleep 1000"))
		w.Kill(t, "SIGKILL")
		for _, p := range []sshd.Process{pipe, terminal} {
			if got := finish(t, p).exit; got.Signal != "KILL" {
				t.Errorf("got %+v", got)
			}
			p.End()
		}
	})
}

func TestAStartThatIsGivenUpLeavesNothing(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		root := w.account(t, "root")
		for _, command := range []sshd.Command{line("echo ran > /ran"), onTerminal("echo ran > /ran")} {
			command.Account = root
			for _, at := range []string{"creating", "create", "attach", "inspect"} {
				ctx, cancel := context.WithCancel(t.Context())
				given := w.withEngine(&interrupted{Engine: w.target.engine, at: at, cancel: cancel})
				if p, err := given.Start(ctx, command); err == nil || p != nil {
					t.Errorf("given up at %s: %v", at, err)
				}
				given.cleanups.Wait()
				w.nothingLeft(t)
			}
		}
		if got := w.Shell(t, "ls / | grep -c ran; true"); got != "0" {
			t.Error("a command ran whose start had been given up")
		}
	})
}

// interrupted is an engine whose caller gives up at one of its answers; at "creating" before it, which
// does not keep the engine from doing what it was asked for.
type interrupted struct {
	Engine
	at     string
	cancel context.CancelFunc
}

func (e *interrupted) ExecCreate(ctx context.Context, id string, o client.ExecCreateOptions) (client.ExecCreateResult, error) {
	if e.at == "creating" {
		e.cancel()
	}
	created, err := e.Engine.ExecCreate(context.WithoutCancel(ctx), id, o)
	if e.at == "create" {
		e.cancel()
	}
	if e.at == "creating" && ctx.Err() != nil {
		return client.ExecCreateResult{}, ctx.Err()
	}
	return created, err
}

func (e *interrupted) ExecAttach(ctx context.Context, id string, o client.ExecAttachOptions) (client.ExecAttachResult, error) {
	attached, err := e.Engine.ExecAttach(ctx, id, o)
	if e.at == "attach" {
		e.cancel()
	}
	return attached, err
}

func (e *interrupted) ExecInspect(ctx context.Context, id string, o client.ExecInspectOptions) (client.ExecInspectResult, error) {
	found, err := e.Engine.ExecInspect(ctx, id, o)
	if e.at == "inspect" && found.PID > 0 {
		e.at = ""
		e.cancel()
		return found, errors.New("the connection was lost")
	}
	return found, err
}
