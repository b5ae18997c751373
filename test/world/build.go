// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Binaries are the project's programs, built for the tests.
type Binaries struct {
	Client, Daemon string
	Helper         string // the daemon once more, linked statically, for the inside of containers
}

var built struct {
	once sync.Once
	dir  string
	bins Binaries
	err  error
}

// Build builds the programs, once for the test process; the daemon with the race detector if the tests
// have it. The client starts with every ssh, and would take most of the tests' time with it.
func Build(tb testing.TB) Binaries {
	tb.Helper()
	built.once.Do(func() { built.bins, built.err = build() })
	if built.err != nil {
		tb.Fatal(built.err)
	}
	return built.bins
}

func build() (Binaries, error) {
	dir, err := os.MkdirTemp("", "switchyard-bin-")
	if err != nil {
		return Binaries{}, err
	}
	built.dir = dir
	b := Binaries{Client: filepath.Join(dir, "switchyard"), Daemon: filepath.Join(dir, "switchyardd")}
	if err := goBuild("-o", b.Client, "switchyard/cmd/switchyard"); err != nil {
		return b, err
	}
	if err := goBuild(fmt.Sprintf("-race=%t", raceEnabled), "-o", b.Daemon, "switchyard/cmd/switchyardd"); err != nil {
		return b, err
	}
	b.Helper = filepath.Join(dir, "helper")
	return b, buildHelper(b.Helper)
}

var helper struct {
	once sync.Once
	dir  string
	err  error
}

// Helper builds the daemon as a release is built, linked statically, once for the test process: the program for
// the inside of containers. Cleanup removes it.
func Helper(tb testing.TB) string {
	tb.Helper()
	helper.once.Do(func() {
		if helper.dir, helper.err = os.MkdirTemp("", "switchyard-bin-"); helper.err == nil {
			helper.err = buildHelper(filepath.Join(helper.dir, "helper"))
		}
	})
	if helper.err != nil {
		tb.Fatal(helper.err)
	}
	return filepath.Join(helper.dir, "helper")
}

// buildHelper builds it without the C library and the race detector, which needs that.
func buildHelper(path string) error {
	c := exec.Command("go", "build", "-o", path, "switchyard/cmd/switchyardd")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	return run(c)
}

func goBuild(args ...string) error {
	return run(exec.Command("go", append([]string{"build"}, args...)...))
}

func run(c *exec.Cmd) error {
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building the programs: %v\n%s", err, out)
	}
	return nil
}

// Cleanup removes what Build and Helper made. Call it at the end of TestMain.
func Cleanup() {
	for _, dir := range []string{built.dir, helper.dir} {
		if dir != "" {
			os.RemoveAll(dir)
		}
	}
}
