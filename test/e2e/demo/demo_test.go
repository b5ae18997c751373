// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// demo prepares a run of the script behind "make demo", with freshly built programs, in a directory of its own.
func demo(t *testing.T) (c *exec.Cmd, dir string) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command("make", "-C", root, "build")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	c, dir = exec.Command(filepath.Join(root, "scripts", "demo")), t.TempDir()
	c.Env = append(rig.NeedDocker(t).Env(), "TMPDIR="+dir)
	return c, dir
}

func TestTheDemoShowsTheMainJob(t *testing.T) {
	c, dir := demo(t)
	r := world.Finish(t, c)
	if r.Code != 0 {
		t.Fatalf("exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	for _, want := range []string{"Linux web ", "hello from 127.0.0.1:80 inside the container", "reusable        false"} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("%q is not in the output:\n%s", want, r.Stdout)
		}
	}
	if copied := regexp.MustCompile(`([0-9a-f]{64})  /tmp/numbers\n(?s:.*)\n([0-9a-f]{64})  \S+/numbers\n`).FindStringSubmatch(r.Stdout); copied == nil || copied[1] != copied[2] {
		t.Errorf("the file was not copied:\n%s", r.Stdout)
	}
	if strings.Contains(r.Stdout, "\x1b") {
		t.Errorf("there are escape codes in an output that is no terminal: %q", r.Stdout)
	}
	expectNothingOfTheDemo(t, dir)
}

func TestTheDemoLeavesHerInTheShellOnATerminal(t *testing.T) {
	c, dir := demo(t)
	x := world.OpenTerminal(t, c, pty.Winsize{Rows: 24, Cols: 80})
	x.Expect(t, "leave the shell with exit")
	io.WriteString(x, "echo I am in $(hostname); exit\r")
	x.Expect(t, "I am in web")
	if code := x.End(); code != 0 {
		t.Errorf("the demo exited %d; seen %q", code, x.Seen())
	}
	expectNothingOfTheDemo(t, dir)
}

// expectNothingOfTheDemo checks that it stopped what it started. Another may run elsewhere on this machine.
func expectNothingOfTheDemo(t *testing.T, dir string) {
	t.Helper()
	left := rig.Processes(func(p rig.Process) bool {
		return strings.HasPrefix(p.Name, "switchyard") && strings.Contains(strings.Join(p.Args, " "), dir)
	})
	if len(left) > 0 {
		t.Errorf("the demo left %v", left)
	}
	out, err := dockerPs(t)
	if err != nil || strings.Contains(out, "switchyard-demo") {
		t.Errorf("the demo left containers or images: %s, %v", out, err)
	}
}

func dockerPs(t *testing.T) (string, error) {
	t.Helper()
	docker := rig.NeedTool(t, "docker")
	var all bytes.Buffer
	for _, args := range [][]string{{"ps", "-a"}, {"images"}} {
		c := exec.Command(docker, args...)
		c.Env = rig.NeedDocker(t).Env()
		out, err := c.CombinedOutput()
		all.Write(out)
		if err != nil {
			return all.String(), err
		}
	}
	return all.String(), nil
}
