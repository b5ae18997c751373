// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"os"
	"os/exec"
	"testing"
)

// promised says whether this run promises that everything needed is there.
func promised() bool { return os.Getenv("CI") == "true" }

// missing skips the test with the reason, or fails it where CI=true.
func missing(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if promised() {
		tb.Fatalf("CI=true promises what is missing here: "+format, args...)
	}
	tb.Skipf(format, args...)
}

// NeedTool returns the path of a program, looked for in PATH and in the
// directories of system programs that a user's PATH often lacks.
func NeedTool(tb testing.TB, name string) string {
	tb.Helper()
	path, err := findTool(name)
	if err != nil {
		missing(tb, "needs %q: install it with scripts/prereqs", name)
	}
	return path
}

func findTool(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin/", "/sbin/", "/usr/local/sbin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path, nil
		}
	}
	return "", err
}

// NeedSSH returns the path of OpenSSH's client.
func NeedSSH(tb testing.TB) string {
	tb.Helper()
	return NeedTool(tb, "ssh")
}

// NeedRoot skips the test, or fails it where CI=true, unless root runs it.
func NeedRoot(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		missing(tb, "needs root")
	}
}
