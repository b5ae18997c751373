// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"bufio"
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"switchyard/sshd"
	"switchyard/test/rig"
)

// openLogged makes a target of a container and keeps its log.
func openLogged(t *testing.T, c *rig.Container, by Exec) (*Target, *test.Hook, error) {
	t.Helper()
	log, hook := test.NewNullLogger()
	target, err := New(t.Context(), Config{Client: rig.NeedDocker(t).Client(), ContainerID: c.ID, Exec: by, Log: log})
	if err == nil {
		t.Cleanup(func() { target.Close() })
	}
	return target, hook, err
}

func saysOnce(hook *test.Hook, words string) bool {
	said := 0
	for _, entry := range hook.AllEntries() {
		if entry.Level == logrus.InfoLevel && strings.Contains(entry.Message, words) {
			said++
		}
	}
	return said == 1
}

func TestAutoIsTheRuntimeAndSaysSo(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{})
	target, hook, err := openLogged(t, w.Container, "")
	if err != nil || target.Exec() != ExecRunc || target.ExecReason() != "" || !saysOnce(hook, "started by runc") {
		t.Errorf("%v, %v", err, hook.AllEntries())
	}
}

func TestAutoFallsBackToDockerAndSaysWhy(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{})
	// The runtime has no such container.
	log, hook := test.NewNullLogger()
	other := w.withEngine(w.target.engine)
	other.log = log
	other.info.ID = strings.Repeat("0", 64)
	if err := other.setStarter(t.Context(), ExecAuto); err != nil || other.Exec() != ExecDocker {
		t.Errorf("%v, %v", err, other.Exec())
	}
	why := other.ExecReason()
	if !strings.HasPrefix(why, "the container's runtime cannot be called directly: runc does not know the container") || !strings.Contains(why, "start the runner where it sees") {
		t.Errorf("the reason is %q", why)
	}
	if !saysOnce(hook, "started by docker exec, since "+why) {
		t.Errorf("the log is %v", hook.AllEntries())
	}
	if err := other.setStarter(t.Context(), ExecRunc); err == nil || !strings.Contains(err.Error(), "choose --exec auto or docker") {
		t.Errorf("asked for runc: %v", err)
	}
	if err := other.setStarter(t.Context(), "podman"); err == nil || !strings.Contains(err.Error(), `"podman"`) {
		t.Errorf("asked for nonsense: %v", err)
	}
}

func TestDockerExecThatWasAskedForSaysSo(t *testing.T) {
	t.Parallel()
	w := open(t, ExecDocker, rig.ContainerSpec{})
	target, hook, err := openLogged(t, w.Container, ExecDocker)
	if err != nil || target.Exec() != ExecDocker || target.ExecReason() != "--exec docker asks for that" || !saysOnce(hook, "since --exec docker asks for that") {
		t.Errorf("%v, %v", err, hook.AllEntries())
	}
}

func TestByTheRuntimeAContainerEndsThoughASessionIsNotRead(t *testing.T) {
	t.Parallel()
	w := open(t, ExecRunc, rig.ContainerSpec{})
	p := w.start(t, line("echo ready; yes"))
	until(t, bufio.NewReader(p.Stdout()), "ready")
	w.Stop(t)
	if code, err := w.target.Follow(t.Context()); err != nil || code != 137 {
		t.Errorf("code %d, %v", code, err)
	}
	if exit, err := p.Wait(); err != nil || exit.Signal != "KILL" {
		t.Errorf("got %+v, %v", exit, err)
	}
}

func TestByTheRuntimeOrphansOfTheHostsPIDNamespaceAreReaped(t *testing.T) {
	t.Parallel()
	w := open(t, ExecRunc, adjusted(func(_ *container.Config, h *container.HostConfig) { h.PidMode = "host" }))
	p := w.start(t, line("setsid sh -c 'sh -c \"echo \\$\\$; exec sleep 0.2\" & exit' & wait"))
	pid, err := bufio.NewReader(p.Stdout()).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	rig.Eventually(t, timeout, func() (bool, string) {
		left := rig.Processes(func(p rig.Process) bool { return p.State == 'Z' && strings.Contains(pid, strconv.Itoa(p.PID)) })
		running := rig.Processes(func(p rig.Process) bool { return strconv.Itoa(p.PID) == strings.TrimSpace(pid) })
		return len(left) == 0 && len(running) == 0, "process " + pid + " is left"
	})
}

func TestByTheRuntimeAStartThatIsGivenUpLeavesNothing(t *testing.T) {
	t.Parallel()
	w := open(t, ExecRunc, rig.ContainerSpec{})
	root := w.account(t, "root")
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		given := make(chan error, 1)
		go func() {
			p, err := w.target.Start(ctx, sshd.Command{Account: root, Line: "sleep 1000"})
			if err == nil {
				p.End()
			}
			given <- err
		}()
		cancel()
		<-given
	}
	rig.Eventually(t, timeout, func() (bool, string) {
		left := w.Processes(t)
		return len(left) == 1, "processes are left"
	})
}
