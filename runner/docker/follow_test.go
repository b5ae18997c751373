// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"switchyard/sshd"
	"switchyard/test/rig"
)

func TestFollowTellsHowTheContainerEnded(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		for name, test := range map[string]struct {
			cmd  string
			end  func(*testing.T, *world)
			want int
		}{
			"by itself": {"read x < /go; exit 7", func(t *testing.T, w *world) { w.Shell(t, "echo > /go") }, 7},
			"killed":    {"read x < /go", func(t *testing.T, w *world) { w.Kill(t, "SIGKILL") }, 137},
			"stopped":   {"trap 'exit 3' TERM; read x < /go", func(t *testing.T, w *world) { w.Kill(t, "SIGTERM") }, 3},
			"removed":   {"read x < /go", func(t *testing.T, w *world) { w.Remove(t) }, 137},
		} {
			t.Run(name, func(t *testing.T) {
				w := open(t, by, rig.ContainerSpec{Cmd: []string{"sh", "-c", "mkfifo /go; echo ready; " + test.cmd}})
				rig.Eventually(t, timeout, func() (bool, string) {
					log := w.Logs(t)
					return log == "ready\n", log
				})
				followed := make(chan int, 2)
				for range 2 {
					go func() {
						code, err := w.target.Follow(context.Background())
						if err != nil {
							t.Error(err)
						}
						followed <- code
					}()
				}
				test.end(t, w)
				if first, second := <-followed, <-followed; first != test.want || second != test.want {
					t.Errorf("got %d and %d, want %d", first, second, test.want)
				}
			})
		}
	})
}

func TestFollowEndsWithItsContext(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if code, err := w.target.Follow(ctx); code != -1 || !errors.Is(err, context.Canceled) {
			t.Errorf("got %d, %v", code, err)
		}
	})
}

// records is an engine that gives its answers in turn.
type records struct {
	Engine
	answers []func() (*container.State, error)
}

func (e *records) ContainerInspect(context.Context, string, client.ContainerInspectOptions) (client.ContainerInspectResult, error) {
	next := e.answers[0]
	e.answers = e.answers[1:]
	state, err := next()
	return client.ContainerInspectResult{Container: container.InspectResponse{State: state}}, err
}

func TestWithoutTheKernelsWordTheEnginesCounts(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, by Exec) {
		w := open(t, by, rig.ContainerSpec{})
		down := func() (*container.State, error) { return nil, errors.New("the engine is restarting") }
		behind := func() (*container.State, error) {
			return &container.State{Running: true, Pid: w.target.main.PID()}, nil
		}
		exited := func() (*container.State, error) { return &container.State{ExitCode: 5}, nil }
		removed := func() (*container.State, error) { return nil, errdefs.ErrNotFound }

		old := w.withEngine(nil)
		old.engine = &records{answers: []func() (*container.State, error){down, behind, exited}}
		if code, err := old.recordedCode(t.Context()); code != 5 || err != nil {
			t.Errorf("got %d, %v", code, err)
		}
		old.engine = &records{answers: []func() (*container.State, error){down, removed}}
		if code, err := old.recordedCode(t.Context()); code != -1 || err == nil {
			t.Errorf("removed: got %d, %v", code, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		old.engine = &records{answers: []func() (*container.State, error){down, down}}
		if code, err := old.recordedCode(ctx); code != -1 || err == nil {
			t.Errorf("given up: got %d, %v", code, err)
		}
	})
}

func TestAnEndHasItsShellsExitCode(t *testing.T) {
	for want, exit := range map[int]sshd.Exit{0: {}, 7: {Code: 7}, 137: {Signal: "KILL"}, 135: {Signal: "BUS@openssh.com"}} {
		if got := exitCode(exit); got != want {
			t.Errorf("%+v: got %d, want %d", exit, got, want)
		}
	}
}
