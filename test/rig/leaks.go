// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"switchyard/test/leaks"
)

// leakGrace is how long what is ending may take to end after the last test. It
// is a variable for the tests of this package.
var leakGrace = 30 * time.Second

// VerifyNoLeaks runs a package's tests, stops the engines that they started, and
// checks that no goroutine, file descriptor or child process is left. It returns
// the exit code for TestMain, and says on stderr what leaked:
//
//	func TestMain(m *testing.M) { os.Exit(rig.VerifyNoLeaks(m)) }
//
// Options ignore goroutines that a library keeps on purpose.
func VerifyNoLeaks(m *testing.M, options ...goleak.Option) int {
	warmUp()
	fds := OpenFDs()
	code := m.Run()
	if err := stopEngines(); err != nil {
		fmt.Fprintln(os.Stderr, "rig:", err)
		code = max(code, 1)
	}
	if code != 0 {
		return code // a failed test may well leak; its failure is what matters
	}
	if leaks := findLeaks(fds, options); leaks != "" {
		fmt.Fprintf(os.Stderr, "rig: left behind by the tests:\n%s\n", leaks)
		return 1
	}
	return 0
}

// warmUp makes the runtime open what it opens once and keeps.
func warmUp() {
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
}

// findLeaks describes what is left once all had its time to end, or is "".
func findLeaks(before map[int]string, options []goleak.Option) string {
	var found []string
	if state, ok := poll(leakGrace, func() (bool, string) { return none("file descriptors", newFDs(before)) }); !ok {
		found = append(found, state)
	}
	if state, ok := poll(leakGrace, func() (bool, string) { return none("child processes", describe(Children())) }); !ok {
		found = append(found, state)
	}
	if err := leaks.Find(leakGrace, options...); err != nil {
		found = append(found, err.Error())
	}
	return strings.Join(found, "\n")
}

func none(what string, found []string) (bool, string) {
	return len(found) == 0, what + ":\n\t" + strings.Join(found, "\n\t")
}

func describe(processes []Process) []string {
	var lines []string
	for _, p := range processes {
		lines = append(lines, p.String())
	}
	return lines
}
