// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package dockerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"switchyard/test/leaks"
	"switchyard/test/rig/proc"
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }

func needDockerd(t *testing.T) {
	t.Helper()
	if os.Getenv("SWITCHYARD_TEST_ENGINE") == "none" {
		t.Skip("tests without Docker")
	}
	_, err := exec.LookPath("dockerd")
	if os.Geteuid() == 0 && err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("CI=true promises root and dockerd")
	}
	t.Skip("needs root and dockerd")
}

// shortTemp makes a temporary directory, short enough for sockets below it, the
// one that this test uses.
func shortTemp(t *testing.T) string {
	t.Helper()
	base, err := os.MkdirTemp("/tmp", "swy-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	t.Setenv("TMPDIR", base)
	return base
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left in %q: %v (%v)", dir, entries, err)
	}
}

func start(t *testing.T) *Daemon {
	t.Helper()
	return startWith(t, Options{})
}

func startWith(t *testing.T, options Options) *Daemon {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d, err := Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Stop() })
	return d
}

// mentioned lists the processes that name the directory.
func mentioned(dir string) []proc.Process {
	return proc.List(func(p proc.Process) bool { return strings.Contains(strings.Join(p.Args, " "), dir) })
}

func wantNothingLeft(t *testing.T, dir string) {
	t.Helper()
	if left := mentioned(dir); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory %q is left (%v)", dir, err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("mounts left below %q (%v)", dir, err)
	}
}

func interfaces(t *testing.T) string {
	t.Helper()
	entries, err := os.ReadDir("/sys/class/net")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return strings.Join(names, " ")
}

func TestEnginesRunSideBySideAndLeaveNothing(t *testing.T) {
	needDockerd(t)
	before := interfaces(t)
	first, second := start(t), start(t)
	for _, d := range []*Daemon{first, second} {
		if !pings(t.Context(), d.Host()) {
			t.Errorf("engine at %s does not answer", d.Host())
		}
	}
	if now := interfaces(t); now != before {
		t.Errorf("interfaces with engines running: %q, before: %q", now, before)
	}
	for _, d := range []*Daemon{first, second} {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
		wantNothingLeft(t, d.Dir())
	}
}

func TestAnEngineThatRemapsUsersLeavesTheMachinesRangesAlone(t *testing.T) {
	needDockerd(t)
	before := ranges(t)
	d := startWith(t, Options{RemapUsers: true})
	cli, err := Client(d.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	info, err := cli.Info(t.Context(), client.InfoOptions{})
	if err != nil {
		t.Fatal(err)
	}
	root := fmt.Sprintf("/%d.%[1]d", RemappedRoot)
	if all := info.Info.SecurityOptions; !slices.Contains(all, "name=userns") || !strings.HasSuffix(info.Info.DockerRootDir, root) {
		t.Errorf("security options %q, root directory %q", all, info.Info.DockerRootDir)
	}
	if now := ranges(t); now != before {
		t.Errorf("the machine's ranges are %q, and were %q", now, before)
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, d.Dir())
}

// ranges are the machine's ranges of subordinate ids.
func ranges(t *testing.T) (all string) {
	t.Helper()
	for _, path := range []string{"/etc/subuid", "/etc/subgid"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	return all
}

func TestStopKillsWhatAKilledEngineLeaves(t *testing.T) {
	needDockerd(t)
	d := start(t)
	if err := d.process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.Exited()
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, d.Dir())
}

func TestStartSweepsWhatAKilledRunLeft(t *testing.T) {
	needDockerd(t)
	litter, err := os.MkdirTemp(shortTemp(t), dirPrefix)
	if err != nil {
		t.Fatal(err)
	}
	orphan := exec.Command("sh", "-c", "sleep 1000; :", litter+"/data")
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- orphan.Wait() }()
	sweep()
	if err := <-ended; err == nil || orphan.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the orphan ended with %v, want it killed", err)
	}
	wantNothingLeft(t, litter)
}

func TestSweepSparesAnEngineInUse(t *testing.T) {
	needDockerd(t)
	d := start(t)
	sweep()
	if !pings(t.Context(), d.Host()) {
		t.Error("the engine does not answer after another's sweep")
	}
}

func TestStartThatCannotWorkSaysWhyAndLeavesNothing(t *testing.T) {
	needDockerd(t)
	base := shortTemp(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Start(ctx, Options{})
	if err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("error %v, want one that says there was no answer", err)
	}
	wantEmpty(t, base)
}

func TestFindPrefersDockerHostAndSkipsWhatDoesNotAnswer(t *testing.T) {
	needDockerd(t)
	d := start(t)
	t.Setenv(client.EnvOverrideHost, d.Host())
	if got := Find(t.Context()); got != d.Host() {
		t.Errorf("found %q, want %q", got, d.Host())
	}
	t.Setenv(client.EnvOverrideHost, "unix:///nonexistent/docker.sock")
	if got := Find(t.Context()); got == "unix:///nonexistent/docker.sock" || got == d.Host() {
		t.Errorf("found %q", got)
	}
}

func TestEnvironmentLeavesOutOtherEnginesAndProxies(t *testing.T) {
	t.Setenv("DOCKER_HOST", "tcp://other")
	t.Setenv("https_proxy", "http://proxy")
	t.Setenv("SWITCHYARD_KEPT", "yes")
	all := strings.Join(environment(), "\n")
	if strings.Contains(all, "tcp://other") || strings.Contains(all, "http://proxy") || !strings.Contains(all, "SWITCHYARD_KEPT=yes") {
		t.Errorf("environment:\n%s", all)
	}
}
