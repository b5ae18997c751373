// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"switchyard/test/e2e/internal/leftover"
	"switchyard/test/rig"
	"switchyard/test/world"
)

const (
	soakSessions       = 460
	soakShortSessions  = 60
	soakPolicySessions = 20 // for each policy
	soakRound          = 50 // sessions at once, of both containers together
	soakStarts         = 8  // at once
)

// soaked is a container that is served in one way, with its runner's metrics.
type soaked struct {
	*world.Container
	metrics string // a socket
	runners []int  // the pids of all that served it
	kinds   []kind // of sessions that it can have
	begun   int    // sessions
}

// soak is a world in which sessions end in every way.
type soak struct {
	*world.World
	t          *testing.T
	net        *world.Network
	socket     string // the user's
	agent      string // likewise
	containers []*soaked
}

// roundEnds are ways in which all live sessions end at once. Each leaves the world serving.
var roundEnds = []struct {
	name string
	end  func(*soak, []*soakSession)
}{
	{"each in its own way", (*soak).endEach},
	{"controller killed", func(s *soak, _ []*soakSession) { s.Controller.Kill(); s.StartController(s.t) }},
	{"runners stopped", func(s *soak, _ []*soakSession) {
		s.restart(func(c *soaked) { c.Runner.Stop(s.t) })
	}},
	{"network cut", func(s *soak, _ []*soakSession) { s.net.Cut(s.t); s.nothingRuns(); s.net.Mend(s.t) }},
	{"runners killed", func(s *soak, _ []*soakSession) { s.restart(func(c *soaked) { c.Runner.Kill() }) }},
}

// sessionEnds are ways in which one session ends.
var sessionEnds = []func(*soakSession){
	func(s *soakSession) { s.ssh.Process.Kill() },
	func(s *soakSession) { // its connect
		for _, p := range rig.Processes(func(p rig.Process) bool { return p.PPID == s.ssh.Process.Pid }) {
			syscall.Kill(p.PID, syscall.SIGKILL)
		}
	},
	(*soakSession).quit,
	func(s *soakSession) { s.ssh.Process.Signal(syscall.SIGHUP) },
	func(s *soakSession) { s.quit(); s.in.Close() },
}

// soakSession is one ssh.
type soakSession struct {
	kind
	ssh *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	log *world.Log // standard error
}

// quit has the session end by itself.
func (s *soakSession) quit() {
	if s.kind.quit != nil {
		s.kind.quit(s)
		return
	}
	fmt.Fprintln(s.in, "exit")
}

func TestSessionsThatEndInEveryWayLeaveNothing(t *testing.T) {
	t.Parallel()
	s := newSoak(t)
	total := soakSessions
	if testing.Short() {
		total = soakShortSessions
	}
	for done, round := 0, 0; done < total; round++ {
		n := min(soakRound, total-done)
		if testing.Short() {
			n = min(n, total/len(roundEnds))
		}
		end := roundEnds[round%len(roundEnds)]
		all := s.begin(n, end.name == "network cut")
		end.end(s, all)
		s.nothingRuns()
		collect(all)
		done += n
		t.Logf("%d sessions ended: %s", done, end.name)
	}
	s.nothingIsLeft()
}

// newSoak starts a world with a container for each way to start processes, and flags for their runners.
func newSoak(t *testing.T, flags ...string) *soak {
	t.Helper()
	rig.NeedDocker(t)
	s := &soak{t: t, net: world.NewNetwork(t), socket: userSocket(t), agent: agentSocket(t)}
	s.World = world.New(t, world.Options{Host: s.net.Near, ControllerArgs: []string{"--keepalive", "1s"}})
	for _, exec := range []string{"docker", "runc"} {
		c := &soaked{metrics: filepath.Join(t.TempDir(), "metrics"), kinds: everywhere}
		if exec == "runc" {
			c.kinds = slices.Concat(everywhere, byTheRuntime)
		}
		c.Container = s.Run(t, exec, leftover.Served(append([]string{"--exec", exec, "--metrics", "unix://" + c.metrics,
			"--keepalive", "1s", "--heartbeat", "1s", "--grace", "1s"}, flags...)...))
		c.runners = []int{c.Runner.PID()}
		s.containers = append(s.containers, c)
	}
	return s
}

// begin starts sessions in all containers by turns, and returns when all run. There is then what must be gone later.
func (s *soak) begin(n int, remote bool) []*soakSession {
	s.t.Helper()
	all := make([]*soakSession, n)
	slots := make(chan struct{}, soakStarts)
	var starting sync.WaitGroup
	for i := range all {
		all[i] = s.prepare(s.containers[i%len(s.containers)], remote)
		slots <- struct{}{}
		starting.Go(func() {
			defer func() { <-slots }()
			late := time.AfterFunc(world.Deadline, func() { all[i].ssh.Process.Kill() }) // only bounds a failure
			defer late.Stop()
			if err := all[i].begin(all[i]); err != nil {
				s.t.Errorf("session %d, %q: %v, %s", i, all[i].ssh.Args, err, all[i].log)
			}
		})
	}
	starting.Wait()
	for i, c := range s.containers {
		if x := leftover.TracesIn(s.t, c.Container); n >= 2*len(c.kinds) && (len(x.Listeners) == 0 || i == 1 && (len(x.Helpers) == 0 || len(x.Files) == 0)) {
			s.t.Errorf("the test proves nothing of %s, which has %v", c.Name, x)
		}
	}
	if s.t.Failed() {
		s.t.FailNow()
	}
	return all
}

// prepare starts a session; one that is remote comes over the network that can be cut.
func (s *soak) prepare(where *soaked, remote bool) *soakSession {
	s.t.Helper()
	k := where.kinds[where.begun%len(where.kinds)]
	if k.begin == nil {
		k.begin = ready
	}
	where.begun++
	c := s.SSHCommand(s.t, k.arguments("root@"+where.Name, where.begun+20_000, s.socket, s.agent)...)
	c.Env = append(c.Env, "DISPLAY=localhost:99") // which nobody reaches, and whose cookie ssh then makes up
	if remote {
		s.net.In(s.t, c)
	}
	in, out := world.Pipes(s.t, c)
	log := &world.Log{}
	c.Stderr = log
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	return &soakSession{k, c, in, bufio.NewReader(out), log}
}

// collect waits for what is left of sessions on this side.
func collect(all []*soakSession) {
	for _, session := range all {
		session.ssh.Process.Kill() // those that do not know of their end
		session.ssh.Wait()
		session.in.Close()
	}
}

// endEach ends each session in a way of its own.
func (s *soak) endEach(all []*soakSession) {
	for i, session := range all {
		sessionEnds[(i+i/len(sessionEnds))%len(sessionEnds)](session)
	}
}

// restart ends the runners and starts others.
func (s *soak) restart(end func(*soaked)) {
	s.t.Helper()
	var ending sync.WaitGroup
	for _, c := range s.containers {
		ending.Go(func() { end(c) })
	}
	ending.Wait()
	for _, c := range s.containers {
		c.StartRunner(s.t)
		c.runners = append(c.runners, c.Runner.PID())
	}
}

// nothingRuns waits until nothing of any session is in the containers, the engine or the runners' accounts.
func (s *soak) nothingRuns() {
	s.t.Helper()
	for _, c := range s.containers {
		leftover.None(s.t, c.Container)
		leftover.NoTraces(s.t, c.Container)
		rig.Eventually(s.t, world.Deadline, func() (bool, string) {
			m := c.scrape(s.t)
			for _, name := range []string{"connections", "sessions", "session_processes", "leftover_processes"} {
				if !strings.Contains(m, "\nswitchyard_runner_"+name+" 0\n") {
					return false, fmt.Sprintf("%s: the metrics do not say that %s are 0:\n%s", c.Name, name, m)
				}
			}
			return true, ""
		})
	}
}

// nothingIsLeft stops the runners, and looks for what they left on the machine.
func (s *soak) nothingIsLeft() {
	s.t.Helper()
	for _, c := range s.containers {
		if c.SSHWorks(s) != "works" {
			s.t.Errorf("no session works in %s afterwards", c.Name)
		}
		leftover.Recovered(s.t, c.Container, c.runners[:len(c.runners)-1]...)
		c.Runner.Stop(s.t)
		leftover.NoFiles(s.t, c.Container)
		for _, pid := range c.runners {
			if files, _ := filepath.Glob(fmt.Sprintf("/run/switchyard-exec-%d-*", pid)); len(files) > 0 {
				s.t.Errorf("files are left: %q", files)
			}
		}
	}
}

// SSHWorks is what a session prints.
func (c *soaked) SSHWorks(s *soak) string {
	s.t.Helper()
	return s.SSHOutput(s.t, "root@"+c.Name, "echo works")
}

// scrape reads the metrics of the runner; empty when there is none.
func (c *soaked) scrape(t *testing.T) string {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", c.metrics)
	}}
	r, err := (&http.Client{Transport: transport}).Get("http://runner/metrics")
	if err != nil {
		return err.Error()
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
