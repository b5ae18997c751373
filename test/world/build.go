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

// Build builds the programs, once for the test process, with the race detector if the tests have it.
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
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "switchyard/cmd/switchyard", "switchyard/cmd/switchyardd")...).CombinedOutput()
	if err != nil {
		return Binaries{}, fmt.Errorf("building the programs: %v\n%s", err, out)
	}
	return Binaries{Client: filepath.Join(dir, "switchyard"), Daemon: filepath.Join(dir, "switchyardd")}, nil
}

// Cleanup removes what Build made. Call it at the end of TestMain.
func Cleanup() {
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
}
