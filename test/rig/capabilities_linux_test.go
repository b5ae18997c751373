// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestTheVerdictIsThatOfTheTestAlone(t *testing.T) {
	const test = "TestIt"
	for name, c := range map[string]struct {
		out  string
		err  error
		want int
	}{
		"passed":             {"=== RUN   TestIt\n--- PASS: TestIt (0.01s)\nPASS\n", nil, passed},
		"failed":             {"--- FAIL: TestIt (0.01s)\nFAIL\n", errors.New("exit status 1"), failed},
		"leaked":             {"--- PASS: TestIt (0.01s)\nPASS\nrig: left behind\n", errors.New("exit status 1"), failed},
		"skipped":            {"--- SKIP: TestIt (0.01s)\nPASS\n", nil, skipped},
		"a part was skipped": {"--- PASS: TestIt (0.01s)\n    --- SKIP: TestIt/part (0.00s)\nPASS\n", nil, skipped},
		"not there":          {"testing: warning: no tests to run\nPASS\n", nil, failed},
		"another passed":     {"--- PASS: TestItself (0.01s)\nPASS\n", nil, failed},
	} {
		if got := verdict(test, c.out, c.err); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestATestRunsWithAllCapabilitiesAndTheMachinesIDs(t *testing.T) {
	if RunWithAllCapabilities(t) {
		return
	}
	all, err := allCapabilities()
	if err != nil || !all || os.Geteuid() != 0 {
		t.Errorf("all capabilities: %v, %v; user %d", all, err, os.Geteuid())
	}
	if os.Getenv(insideVariable) == "" {
		return
	}
	ids, err := os.ReadFile("/proc/self/uid_map")
	if f := strings.Fields(string(ids)); err != nil || len(f) != 3 || f[0] != "0" || f[1] != "0" {
		t.Errorf("the ids are %q, %v", ids, err)
	}
}
