// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// spy is a testing.TB that records how a helper ends a test.
type spy struct {
	testing.TB
	outcome string
}

func (s *spy) Helper() {}
func (s *spy) end(kind, format string, args ...any) {
	s.outcome = kind + ": " + fmt.Sprintf(format, args...)
	panic(s)
}
func (s *spy) Fatalf(format string, args ...any) { s.end("fatal", format, args...) }
func (s *spy) Skipf(format string, args ...any)  { s.end("skip", format, args...) }

// outcomeOf runs a helper and says how it ended the test, "" if it did not.
func outcomeOf(t *testing.T, helper func(testing.TB)) string {
	s := &spy{TB: t}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(s) {
				panic(r)
			}
		}()
		helper(s)
	}()
	return s.outcome
}

func TestMissingToolSkipsButFailsWhereCIPromisesIt(t *testing.T) {
	need := func(tb testing.TB) { NeedTool(tb, "no-such-tool") }
	t.Setenv("CI", "")
	if got := outcomeOf(t, need); !strings.HasPrefix(got, `skip: needs "no-such-tool"`) {
		t.Errorf("without CI: %q", got)
	}
	t.Setenv("CI", "true")
	if got := outcomeOf(t, need); !strings.HasPrefix(got, "fatal: CI=true promises") {
		t.Errorf("with CI=true: %q", got)
	}
}

func TestNoEngineWantedSkipsEvenWithCI(t *testing.T) {
	t.Setenv("CI", "true")
	t.Setenv(EngineVariable, "none")
	if got := outcomeOf(t, func(tb testing.TB) { NeedDocker(tb) }); !strings.HasPrefix(got, "skip: ") {
		t.Errorf("outcome %q", got)
	}
}

func TestEventuallyReturnsWhenDoneAndFailsWithTheLastState(t *testing.T) {
	calls := 0
	Eventually(t, time.Minute, func() (bool, string) { calls++; return calls == 3, "" })
	if calls != 3 {
		t.Errorf("called %d times", calls)
	}
	got := outcomeOf(t, func(tb testing.TB) {
		Eventually(tb, 0, func() (bool, string) { return false, "two of three" })
	})
	if !strings.Contains(got, "two of three") {
		t.Errorf("outcome %q", got)
	}
}

func TestOpenDescriptorCountsAsLeakUntilClosed(t *testing.T) {
	before := OpenFDs()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if leaks := newFDs(before); len(leaks) != 1 || !strings.Contains(leaks[0], "socket:") {
		t.Errorf("with a socket open: %q", leaks)
	}
	listener.Close()
	Eventually(t, time.Minute, func() (bool, string) { return none("descriptors", newFDs(before)) })
}

func TestPipesThatTheRuntimeKeepsForSpliceAreNoLeak(t *testing.T) {
	before := OpenFDs()
	// The pool may drop what it is given: with -race it does so at random.
	Eventually(t, time.Minute, func() (bool, string) {
		spliceOnce(t)
		pipes := 0
		for fd, target := range OpenFDs() {
			if before[fd] != target && strings.HasPrefix(target, "pipe:") {
				pipes++
			}
		}
		return pipes >= 2, "no copy left a pipe"
	})
	if leaks := newFDs(before); len(leaks) > 0 {
		t.Errorf("what the runtime keeps counts as leak: %q", leaks)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if leaks := newFDs(before); len(leaks) != 2 {
		t.Errorf("with a pipe open: %q", leaks)
	}
	r.Close()
	w.Close()
}

// spliceOnce copies from one connection to another.
func spliceOnce(t *testing.T) {
	t.Helper()
	in, inPeer := tcpPair(t)
	out, outPeer := tcpPair(t)
	io.WriteString(inPeer, "spliced")
	inPeer.Close()
	if n, err := io.Copy(out, in); n != 7 || err != nil {
		t.Fatalf("copied %d bytes, %v", n, err)
	}
	for _, c := range []net.Conn{in, out, outPeer} {
		c.Close()
	}
}

func tcpPair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialled, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

func TestChildCountsAsLeakUntilWaitedFor(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	isChild := func() bool {
		for _, p := range Children() {
			if p.PID == cmd.Process.Pid {
				return true
			}
		}
		return false
	}
	if !isChild() {
		t.Error("a running child is not listed")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if !isChild() {
		t.Error("a child that ended but was not waited for is not listed")
	}
	_ = cmd.Wait()
	if isChild() {
		t.Error("a child that was waited for is listed")
	}
}

// TestLeakyPackage is run by the next test in a process of its own; there it
// leaks what the environment names.
func TestLeakyPackage(t *testing.T) {
	switch os.Getenv("RIG_LEAK") {
	case "goroutine":
		go func() { select {} }()
	case "descriptor":
		leaked, err := os.Open(os.Args[0])
		t.Log(leaked, err)
		keep = leaked
	case "child":
		child := exec.Command("cat") // ends with this process, whose end of the pipe it reads
		stdin, err := child.StdinPipe()
		if err = errors.Join(err, child.Start()); err != nil {
			t.Fatal(err)
		}
		keep = stdin
	}
}

// keep keeps the leaks from being collected.
var keep any

func TestVerifyNoLeaksFailsAPackageThatLeaks(t *testing.T) {
	for leak, want := range map[string]string{
		"":           "PASS",
		"goroutine":  "found unexpected goroutines",
		"descriptor": "file descriptors:",
		"child":      "child processes:",
	} {
		t.Run("leak="+leak, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestLeakyPackage$")
			cmd.Env = append(os.Environ(), "RIG_LEAK="+leak, "RIG_LEAK_GRACE=300ms")
			out, err := cmd.CombinedOutput()
			if (err == nil) != (leak == "") || !strings.Contains(string(out), want) {
				t.Errorf("error %v, output:\n%s", err, out)
			}
		})
	}
}
