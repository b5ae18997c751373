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
type Binaries struct{ Client, Daemon string }

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
	return b, goBuild(fmt.Sprintf("-race=%t", raceEnabled), "-o", b.Daemon, "switchyard/cmd/switchyardd")
}

func goBuild(args ...string) error {
	if out, err := exec.Command("go", append([]string{"build"}, args...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("building the programs: %v\n%s", err, out)
	}
	return nil
}

// Cleanup removes what Build made. Call it at the end of TestMain.
func Cleanup() {
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
}
