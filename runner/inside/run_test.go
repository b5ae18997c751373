// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package inside

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// asProgram has the test program be the one that runs inside.
const asProgram = "SWITCHYARD_TEST_INSIDE"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(Run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// run runs the program with what comes behind Word, and nothing on its standard input.
func run(t *testing.T, args ...string) (stderr string, code int) {
	t.Helper()
	var said bytes.Buffer
	c := exec.Command("/proc/self/exe", args...)
	c.Env = []string{asProgram + "=yes", "GORACE=atexit_sleep_ms=0"}
	c.Stderr = &said
	_ = c.Run()
	return said.String(), c.ProcessState.ExitCode()
}

func TestWhoeverStartsItByHandIsToldThatItIsTheRunners(t *testing.T) {
	for _, args := range [][]string{{}, {"sftp"}, {"no-such", "/", "root"}, {"sftp", "/", "root", "more"}} {
		if said, code := run(t, args...); code != 1 || !strings.HasPrefix(said, "switchyard: ") || !strings.Contains(said, "runner") {
			t.Errorf("%q: exit code %d, %q", args, code, said)
		}
	}
}

func TestAnInputThatEndsIsAnEndInGoodOrder(t *testing.T) {
	for _, home := range []string{"/", "/no/such/home"} {
		if said, code := run(t, "sftp", home, "root"); code != 0 || said != "" {
			t.Errorf("with the home %s: exit code %d, %q", home, code, said)
		}
	}
}

func TestABrokerWithoutARunnerEnds(t *testing.T) {
	if said, code := run(t, "broker", "/", "root"); code != 1 || said == "" {
		t.Errorf("exit code %d, %q", code, said)
	}
}

func TestTheCommandLineIsWhatRunTakes(t *testing.T) {
	if got := strings.Join(Arguments(SFTP, "/root", "root"), " "); got != "inside sftp /root root" {
		t.Errorf("the command line is %q", got)
	}
}
