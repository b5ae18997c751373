// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sessions

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"switchyard/runner/cgroup/cgrouptest"
	"switchyard/runner/proc"
	"switchyard/test/leaks"
)

// asRunner in the environment makes this program a runner that keeps sessions until it is killed.
const asRunner = "SWITCHYARD_TEST_SESSIONS"

func TestMain(m *testing.M) {
	if orders := os.Getenv(asRunner); orders != "" {
		if err := beRunner(orders); err != nil {
			fmt.Println(err)
		}
		return
	}
	leaks.VerifyTestMain(m)
}

// world is a container and where records are kept of its sessions.
type world struct {
	*cgrouptest.Container
	t   *testing.T
	dir string
	log strings.Builder
	// cgroups says whether sessions shall have any.
	cgroups bool
}

// each runs a test with cgroups and without.
func each(t *testing.T, test func(*testing.T, *world)) {
	t.Helper()
	for name, cgroups := range map[string]bool{"with cgroups": true, "without": false} {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, cgroups)) })
	}
}

func newWorld(t *testing.T, cgroups bool) *world {
	t.Helper()
	return &world{Container: cgrouptest.Best(t), t: t, dir: t.TempDir(), cgroups: cgroups}
}

// config is that of a keeper, which the test's end closes if the test does not.
func (w *world) config(policy Policy) Config {
	log := logrus.New()
	log.SetOutput(&w.log)
	log.SetLevel(logrus.DebugLevel)
	c := Config{ContainerID: w.ID, PID: w.PID, OnEnd: policy, Grace: 200 * time.Millisecond, Log: log, Dir: w.dir}
	if !w.cgroups {
		c.PID = os.Getpid() // which is in no cgroup of the container's
	}
	return c
}

func (w *world) open(policy Policy) *Keeper {
	w.t.Helper()
	k := Open(w.config(policy))
	if (k.tree != nil) != w.cgroups {
		w.t.Fatalf("there are cgroups: %v: %s", k.tree != nil, w.log.String())
	}
	return k
}

// recover is a runner that ends when it has ended what others left.
func (w *world) recover(policy Policy) {
	w.t.Helper()
	recoverWith(w.open(policy))
}

func recoverWith(k *Keeper) {
	k.work.Wait()
	k.Close()
}

// session is a session with a shell that leads it.
type session struct {
	*Session
	*cgrouptest.Process
	leader *proc.Leader
}

// begin starts a script as a session of a keeper's.
func (w *world) begin(k *Keeper, script string) *session {
	w.t.Helper()
	return w.beginAs(k, "test", script)
}

func (w *world) beginAs(k *Keeper, way, script string) *session {
	w.t.Helper()
	s := k.Begin(way)
	p := w.Start(w.t, "read -r _; "+script)
	leader, err := proc.Open(p.PID)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(leader.Close)
	s.Started(leader)
	fmt.Fprintln(p.In)
	return &session{s, p, leader}
}

// sessionGroups are the cgroups that sessions have.
func (w *world) sessionGroups() (names []string) {
	for _, name := range cgrouptest.Below(w.Dir) {
		if name != Detached {
			names = append(names, name)
		}
	}
	return names
}

// records are those of all owners.
func (w *world) records() []string {
	files, _ := filepath.Glob(filepath.Join(w.dir, "*", "*", "*[0-9]"))
	return files
}

// nothingIsLeft fails where anything of ours is left but what was detached.
func (w *world) nothingIsLeft() {
	w.t.Helper()
	files, _ := os.ReadDir(w.dir)
	if groups := w.sessionGroups(); len(groups) > 0 || len(files) > 0 {
		w.t.Errorf("left: cgroups %q, files %v", groups, files)
	}
}

// orders are what a runner in another process does.
type orders struct {
	Config  struct{ ContainerID, Dir string }
	Main    int
	Leaders []int
}

// beRunner keeps the sessions of processes until it is killed.
func beRunner(text string) error {
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	k := Open(Config{ContainerID: o.Config.ContainerID, Dir: o.Config.Dir, PID: o.Main})
	for _, pid := range o.Leaders {
		leader, err := proc.Open(pid)
		if err != nil {
			return err
		}
		k.Begin("test").Started(leader)
	}
	k.Begin("test") // whose start does not come any further
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// runner is a runner in another process.
type runner struct {
	kill func()
	pid  int
}

// otherRunner starts a runner that keeps sessions of these processes.
func (w *world) otherRunner(leaders ...int) *runner {
	w.t.Helper()
	var o orders
	o.Config.ContainerID, o.Config.Dir, o.Main, o.Leaders = w.ID, w.dir, w.config("").PID, leaders
	text, err := json.Marshal(o)
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asRunner+"="+string(text))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	killed := false
	kill := func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			stdin.Close()
		}
	}
	w.t.Cleanup(kill)
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		w.t.Fatalf("the other runner says %q, %v", line, err)
	}
	return &runner{kill, cmd.Process.Pid}
}
