// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// insideVariable is set in the environment of a copy of a test process that
// RunWithAllCapabilities has started.
const insideVariable = "SWITCHYARD_TEST_INSIDE_USERNS"

// RunWithAllCapabilities is for a test that needs all capabilities, as a
// privileged container does, since root of some virtual machines and of
// containers lacks some. It returns false where this process has all, and the
// test goes on. Else it runs the test once more, in a copy of this process as
// root of a new user namespace (user_namespaces(7)), reports how that ended, and
// returns true: the test is done. The copy starts an engine of its own.
//
// A copy that skips the test skips it here, too, or fails it where CI=true. It
// must be a test, not a test's part.
func RunWithAllCapabilities(t *testing.T) (done bool) {
	t.Helper()
	NeedRoot(t)
	all, err := allCapabilities()
	switch {
	case err != nil:
		t.Fatal(err)
	case all:
		return false
	case os.Getenv(insideVariable) != "":
		t.Fatal("root of a user namespace has not all capabilities")
	}
	out, started, err := runCopy(t)
	if !started {
		missing(t, "needs a root with all capabilities, or user namespaces, in which it has them: %v", err)
	}
	report(t, out, err)
	return true
}

// allCapabilities says whether this process has all that the kernel knows
// (capabilities(7)).
func allCapabilities() (bool, error) {
	text, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return false, err
	}
	last, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return false, err
	}
	status, err := os.ReadFile("/proc/self/status")
	all := fmt.Sprintf("CapEff:\t%016x\n", uint64(1)<<(last+1)-1)
	return strings.Contains(string(status), all), err
}

// runCopy runs the test in a copy of this process to its end.
func runCopy(t *testing.T) (out string, started bool, err error) {
	t.Helper()
	deadline, bounded := t.Deadline()
	args := []string{"-test.run=^" + regexp.QuoteMeta(t.Name()) + "$", "-test.v", "-test.count=1"}
	if bounded {
		args = append(args, "-test.timeout="+max(time.Until(deadline)-5*time.Second, time.Second).String())
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), insideVariable+"=1", EngineVariable+"=private")
	if cmd.SysProcAttr, err = inUserNamespace(); err != nil {
		return "", false, err
	}
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	// The parent-death signal follows the thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return "", false, err
	}
	err = cmd.Wait()
	return both.String(), true, err
}

// inUserNamespace maps the ids that this process knows to themselves. A map of
// really all ids is what programs take for that of no namespace.
func inUserNamespace() (*syscall.SysProcAttr, error) {
	known, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return nil, err
	}
	var first, outside, count int
	if _, err := fmt.Sscan(string(known), &first, &outside, &count); err != nil || first != 0 {
		return nil, fmt.Errorf("the user ids begin at %d (%v)", first, err)
	}
	ids := []syscall.SysProcIDMap{{Size: min(count, 1<<31-1)}}
	return &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true,
		Pdeathsig: syscall.SIGKILL,
	}, nil
}

// report makes the copy's result the test's.
func report(t *testing.T, out string, err error) {
	t.Helper()
	switch verdict(t.Name(), out, err) {
	case failed:
		t.Fatalf("with all capabilities, in a user namespace, %v:\n%s", err, out)
	case skipped:
		missing(t, "cannot be tested with all capabilities, in a user namespace:\n%s", out)
	}
}

// The results of a test process.
const (
	failed = iota
	skipped
	passed
)

// verdict tells how a test has ended by what its process printed (go test -v).
// One of which a part was skipped was skipped, and one that was not run failed.
func verdict(test, out string, err error) int {
	ended := func(how string) bool {
		return regexp.MustCompile(`(?m)^--- ` + how + `: ` + regexp.QuoteMeta(test) + ` \(`).MatchString(out)
	}
	switch {
	case err != nil || !ended("PASS") && !ended("SKIP"):
		return failed
	case strings.Contains(out, "--- SKIP: "):
		return skipped
	}
	return passed
}
