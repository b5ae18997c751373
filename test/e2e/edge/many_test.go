// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"switchyard/test/e2e/internal/leftover"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// The ten thousand run on a machine as the target, where a start takes a millisecond or two: what could pile up with their
// number (channels, goroutines, descriptors, processes) belongs to the controller, the runner and sshd, which
// are the same for a container. What a container adds to each start is in TestManyCommandsInAContainer.
func TestTenThousandCommandsOverOneControlMasterLeaveNothing(t *testing.T) {
	t.Parallel()
	rig.NeedRoot(t)
	rig.NeedSSH(t)
	w := world.New(t, world.Options{})
	e := edge{World: w, box: w.Run(t, "machine", world.ContainerOptions{Target: "host"})}
	e.manyLeaveNothing(t, func() { e.manyByOneMaster(t, 10_000, 16) })
	expectNoGoroutines(t, e.box.Runner, w.Controller)
}

func TestManyCommandsInAContainer(t *testing.T) {
	t.Parallel()
	eachWay(t, leftover.Served(),
		promise{"hundreds over one connection of Go's client, 16 at once, leave nothing", manyInContainer},
		promise{"hundreds over one ControlMaster, 8 at once, leave nothing", manyByMaster},
		promise{"programs that share one ControlMaster leave nothing", programsByMaster},
		promise{"64 sessions are open on one connection, and the next is refused with the reason", upToTheLimit},
		promise{"a client that vanishes while its command starts leaves nothing", vanishesInTheStart},
		promise{"a command that has stopped itself goes with its client", stoppedCommand},
		promise{"the runner has no goroutine left of all of them", func(t *testing.T, e edge) {
			expectNoGoroutines(t, e.box.Runner)
		}},
	)
}

// fewer is how many starts a way can afford. The engine takes several times as long for each.
func (e edge) fewer(number int) int {
	if e.way == byDocker {
		return number / 5
	}
	return number
}

func manyInContainer(t *testing.T, e edge) {
	e.manyLeaveNothing(t, func() { e.many(t, e.fewer(200), 16) })
	leftover.None(t, e.box)
}

// manyLeaveNothing compares what the daemons hold before and after.
func (e edge) manyLeaveNothing(t *testing.T, run func()) {
	t.Helper()
	e.many(t, 1, 1) // what is made once is made
	daemons := map[string]*world.Daemon{"controller": e.World.Controller, "runner": e.box.Runner}
	before := map[string]int{}
	for name, d := range daemons {
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			before[name] = len(descriptors(d))
			return sockets(d) <= idleSockets, fmt.Sprint(descriptors(d))
		})
	}
	run()
	for name, d := range daemons {
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			now := descriptors(d)
			return len(now) <= before[name], fmt.Sprintf("the %s has %d descriptors and had %d: %v", name, len(now), before[name], now)
		})
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			children := rig.Processes(func(p rig.Process) bool { return p.PPID == d.PID() })
			return len(children) == 0, fmt.Sprintf("children of the %s: %v", name, children)
		})
	}
}

// manyLogin has no account, and so the plainest of shells: on the machine, root's may read files of root's at each
// start.
const manyLogin = "4711:4711"

// many runs that many commands by Go's client over one connection.
func (e edge) many(t *testing.T, number, atOnce int) {
	t.Helper()
	x := e.dialAs(t, manyLogin)
	defer x.End()
	inParallel(t, number, atOnce, func(int) error { return runOne(x.Client.Client) })
}

// inParallel calls a function with each number below one, so many at once. Whoever meets an error goes no further.
func inParallel(t *testing.T, number, atOnce int, run func(i int) error) {
	t.Helper()
	var next atomic.Int64
	problems := make(chan error, atOnce)
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < number; i = int(next.Add(1)) - 1 {
				if err := run(i); err != nil {
					problems <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(problems)
	for err := range problems {
		t.Error(err)
	}
}

// manyByOneMaster runs that many commands by one ControlMaster of OpenSSH's.
func (e edge) manyByOneMaster(t *testing.T, number, atOnce int) {
	t.Helper()
	socket := e.Master(t, e.login(manyLogin))
	inParallel(t, number, atOnce, func(i int) error {
		return numbered(i, func(command string) (string, uint32, error) { return runByMaster(socket, command) })
	})
	e.SSH(t, "-S", socket, "-O", "exit", e.box.Name)
}

// numbered runs a short command with an output and a status that hardly any command beside it has.
func numbered(i int, run func(command string) (output string, status uint32, err error)) error {
	output, status, err := run(fmt.Sprintf("echo %d; exit %d", i, i%256))
	if output != fmt.Sprintln(i) || status != uint32(i%256) || err != nil {
		return fmt.Errorf("command %d: exit status %d, %v, with the output %q", i, status, err, output)
	}
	return nil
}

// runOne runs a short command with an output and a status.
func runOne(c *gossh.Client) error {
	s, err := c.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	out, err := s.Output("echo x; exit 7")
	var exit *gossh.ExitError
	if !errors.As(err, &exit) || exit.ExitStatus() != 7 || string(out) != "x\n" {
		return fmt.Errorf("%v with the output %q", err, out)
	}
	return nil
}

func manyByMaster(t *testing.T, e edge) {
	e.manyLeaveNothing(t, func() { e.manyByOneMaster(t, e.fewer(400), 8) })
	leftover.None(t, e.box)
}

// programsByMaster starts OpenSSH's own program for each command, which takes it longer than the command.
func programsByMaster(t *testing.T, e edge) {
	e.manyLeaveNothing(t, func() {
		socket := e.Master(t, e.login(manyLogin))
		inParallel(t, 20, 8, func(i int) error {
			return numbered(i, func(command string) (string, uint32, error) {
				c := e.SSHCommand(t, "-S", socket, e.login(manyLogin), command)
				out, err := c.CombinedOutput()
				if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
					err = nil
				}
				return string(out), uint32(c.ProcessState.ExitCode()), err
			})
		})
		e.SSH(t, "-S", socket, "-O", "exit", e.box.Name)
	})
	leftover.None(t, e.box)
}

func descriptors(d *world.Daemon) (targets []string) {
	dir := "/proc/" + strconv.Itoa(d.PID()) + "/fd/"
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if target, err := os.Readlink(dir + entry.Name()); err == nil {
			targets = append(targets, target)
		}
	}
	return targets
}

// idleSockets are the most that a daemon has open with nobody connected: what it listens on, and its connection
// to the other, or to the engine.
const idleSockets = 6

func sockets(d *world.Daemon) int { return strings.Count(fmt.Sprint(descriptors(d)), "socket:") }

// runs tells whether any thread of a daemon runs or would run (proc_pid_stat(5)).
func runs(d *world.Daemon) bool {
	stats, _ := filepath.Glob("/proc/" + strconv.Itoa(d.PID()) + "/task/*/stat")
	for _, name := range stats {
		text, _ := os.ReadFile(name)
		if _, after, _ := strings.Cut(string(text), ") "); strings.HasPrefix(after, "R") {
			return true
		}
	}
	return false
}

// sessionFrames are functions that run for a connection or a session alone.
var sessionFrames = regexp.MustCompile(`switchyard/sshd\.\(\*(session|connection|control|output)\)|switchyard/runner/child\.\(\*Process\)|crypto/ssh\.\(\*mux\)`)

// expectNoGoroutines ends daemons by SIGQUIT, upon which Go prints where each goroutine is. What is on its way to its end
// gets there first.
func expectNoGoroutines(t *testing.T, daemons ...*world.Daemon) {
	t.Helper()
	for _, d := range daemons {
		still := 0
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			if still++; sockets(d) > idleSockets || runs(d) {
				still = 0
			}
			return still >= 5, fmt.Sprint(descriptors(d))
		})
		d.Signal(syscall.SIGQUIT)
		<-d.Done()
		log := d.Log()
		if !strings.Contains(log, "goroutine ") {
			t.Errorf("no goroutine is named in %s", log)
		}
		if found := sessionFrames.FindString(log); found != "" {
			t.Errorf("%s runs on", found)
		}
	}
}

func upToTheLimit(t *testing.T, e edge) {
	const limit = 64
	x := e.dial(t)
	var open []*channel
	for range limit {
		ch := x.open(t)
		ch.exec(t, "cat")
		open = append(open, ch)
	}
	_, _, err := x.OpenChannel("session", nil)
	var refused *gossh.OpenChannelError
	if !errors.As(err, &refused) || refused.Reason != gossh.ResourceShortage || !strings.Contains(refused.Message, "64 sessions") {
		t.Fatalf("the 65th: %v", err)
	}
	for i, ch := range open {
		text := fmt.Sprintln("session", i)
		io.WriteString(ch, text)
		ch.CloseWrite()
		if got, err := io.ReadAll(ch); string(got) != text || err != nil {
			t.Errorf("session %d answers %q, %v", i, got, err)
		}
		if got := ch.ended(t); got != (ending{}) {
			t.Errorf("session %d: %v", i, got)
		}
	}
	x.open(t).exec(t, "true") // there is room again
}

// Each vanishes a little later in the start than the one before.
func vanishesInTheStart(t *testing.T, e edge) {
	for i := range 20 {
		x := e.dial(t)
		ch := x.open(t)
		ch.SendRequest("exec", false, marshal(struct{ Command string }{"trap : HUP; sleep 1000; sleep 1000"}))
		for range i {
			x.SendRequest("keepalive@openssh.com", true, nil)
		}
		x.Connect.Process.Kill()
		x.End()
	}
	leftover.None(t, e.box)
}

func stoppedCommand(t *testing.T, e edge) {
	for _, options := range [][]string{{"-T"}, {"-tt"}} {
		c := e.ssh(t, "echo ready; kill -STOP $$; sleep 1000", options...)
		in, out := world.Pipes(t, c)
		defer in.Close()
		bounded(t, c)
		if _, err := io.ReadFull(out, make([]byte, len("ready"))); err != nil {
			t.Fatal(err)
		}
		c.Process.Kill()
		c.Wait()
		leftover.None(t, e.box)
	}
}
