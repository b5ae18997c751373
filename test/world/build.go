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

	"golang.org/x/sys/unix"
)

// ProgramsVariable names a directory in which the test processes of one run share the programs. scripts/go-test makes
// and removes it. Without it each process builds its own, which takes seconds of linking.
const ProgramsVariable = "SWITCHYARD_TEST_PROGRAMS"

// Binaries are the project's programs, built for the tests.
type Binaries struct {
	Client, Daemon string
	Helper         string // the daemon once more, linked statically, for the inside of containers
}

// program is one of them, built once for the test process.
type program struct {
	once sync.Once
	path string
	err  error
}

var (
	client, daemon, helper program

	own struct { // the directory of this process, if it has one
		sync.Mutex
		dir string
	}
)

// Build builds the programs; the daemon with the race detector if the tests have it. The client starts with every ssh,
// and would take most of the tests' time with it.
func Build(tb testing.TB) Binaries {
	tb.Helper()
	race := fmt.Sprintf("race-%t", raceEnabled)
	return Binaries{
		Client: client.build(tb, "client", "switchyard", nil),
		Daemon: daemon.build(tb, race, "switchyardd", nil, fmt.Sprintf("-race=%t", raceEnabled)),
		Helper: Helper(tb),
	}
}

// Helper builds the daemon as a release is built, linked statically, without the C library and the race detector, which
// needs that: the program for the inside of containers.
func Helper(tb testing.TB) string {
	tb.Helper()
	return helper.build(tb, "helper", "switchyardd", []string{"CGO_ENABLED=0"})
}

// build builds the program, in a directory of that name.
func (p *program) build(tb testing.TB, dir, name string, env []string, flags ...string) string {
	tb.Helper()
	p.once.Do(func() { p.path, p.err = build(dir, name, env, flags...) })
	if p.err != nil {
		tb.Fatalf("building the programs: %v", p.err)
	}
	return p.path
}

func build(below, name string, env []string, flags ...string) (string, error) {
	dir, err := programs()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, below)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil // another process of this run has built it
	}
	c := exec.Command("go", append(append([]string{"build"}, flags...), "-o", path+".new", "switchyard/cmd/"+name)...)
	c.Env = append(os.Environ(), env...)
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v\n%s", err, out)
	}
	return path, os.Rename(path+".new", path)
}

// programs is the directory that the processes of a run share, or else one of this process's own.
func programs() (string, error) {
	if shared := os.Getenv(ProgramsVariable); shared != "" {
		return shared, nil
	}
	own.Lock()
	defer own.Unlock()
	if own.dir != "" {
		return own.dir, nil
	}
	var err error
	own.dir, err = os.MkdirTemp("", "switchyard-bin-")
	return own.dir, err
}

// lock keeps other processes from building in a directory (flock(2)).
func lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// Cleanup removes what Build and Helper made for this process alone. Call it at the end of TestMain.
func Cleanup() {
	own.Lock()
	defer own.Unlock()
	if own.dir != "" {
		os.RemoveAll(own.dir)
	}
}
