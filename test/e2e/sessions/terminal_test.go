// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestTerminals(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	for name, image := range map[string]rig.Image{"busybox": rig.Busybox, "debian": rig.Debian} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.Run(t, name, world.ContainerOptions{Spec: rig.ContainerSpec{Image: image}})
			t.Run("every byte both ways", func(t *testing.T) { checkEveryByte(t, w, name) })
			t.Run("size", func(t *testing.T) { checkSize(t, w, name) })
			t.Run("modes", func(t *testing.T) { checkModes(t, w, name) })
			t.Run("interrupt", func(t *testing.T) { checkInterrupt(t, w, name) })
			t.Run("login shell", func(t *testing.T) { checkLoginShell(t, w, name) })
		})
	}
}

// openTerminal starts ssh on a local terminal.
func openTerminal(t *testing.T, w *world.World, size pty.Winsize, args ...string) *world.Terminal {
	t.Helper()
	return world.OpenTerminal(t, w.SSHCommand(t, append([]string{"-tt", "-e", "none"}, args...)...), size)
}

// checkEveryByte needs no local terminal, which would itself change bytes.
func checkEveryByte(t *testing.T, w *world.World, name string) {
	all := make([]byte, 0, 512)
	for i := range 256 {
		all = append(all, byte(i))
	}
	for i := range 256 {
		all = append(all, byte(255-i))
	}
	c := w.SSHCommand(t, "-tt", "-e", "none", "root@"+name,
		fmt.Sprintf("stty raw -echo; printf READY; dd bs=1 count=%d 2>/dev/null", len(all)))
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(world.Deadline, func() { c.Process.Kill() })
	defer kill.Stop()
	ready := make([]byte, len("READY"))
	if _, err := io.ReadFull(out, ready); err != nil || string(ready) != "READY" {
		t.Fatalf("got %q, %v", ready, err)
	}
	// One byte at a time: a byte that is held back until the next one comes would be missed.
	got := make([]byte, 1)
	for _, b := range all {
		if _, err := in.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, got); err != nil || got[0] != b {
			t.Fatalf("byte %#02x came back as %#02x, %v", b, got[0], err)
		}
	}
	in.Close()
	rest, _ := io.ReadAll(out)
	if err := c.Wait(); err != nil || len(rest) != 0 {
		t.Errorf("at the end: %v and %q", err, rest)
	}
}

func checkSize(t *testing.T, w *world.World, name string) {
	x := openTerminal(t, w, pty.Winsize{Rows: 33, Cols: 101}, "root@"+name, "while stty size; do sleep 0.1; done")
	line := make([]byte, len("33 101"))
	defer x.KillLate().Stop()
	if _, err := io.ReadFull(x, line); err != nil || string(line) != "33 101" {
		t.Fatalf("at the very first read the size is %q, %v", line, err)
	}
	if err := pty.Setsize(x.File, &pty.Winsize{Rows: 44, Cols: 77}); err != nil {
		t.Fatal(err)
	}
	x.Expect(t, "44 77")
}

// A client that asks for no echo gets none, and the other modes arrive before the command reads them.
func checkModes(t *testing.T, w *world.World, name string) {
	local, remote, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	defer remote.Close()
	stty := exec.Command("stty", "-echo", "-ixon", "intr", "^G", "erase", "^H")
	stty.Stdin = remote
	if out, err := stty.CombinedOutput(); err != nil {
		t.Fatalf("stty: %v: %s", err, out)
	}
	c := w.SSHCommand(t, "-t", "-e", "none", "root@"+name, "stty -a")
	c.Stdin = remote
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"-echo ", "-ixon", "intr = ^G", "erase = ^H"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not among the modes:\n%s", want, out)
		}
	}
}

func checkInterrupt(t *testing.T, w *world.World, name string) {
	x := openTerminal(t, w, pty.Winsize{Rows: 24, Cols: 80}, "root@"+name, "echo ready; sleep 1000")
	x.Expect(t, "ready")
	io.WriteString(x, "\x03")
	if code := x.End(); code != 255 && code != 130 {
		t.Errorf("after ^C ssh exits %d, want 255 for a death by signal or 130 as a shell has it", code)
	}
}

func checkLoginShell(t *testing.T, w *world.World, name string) {
	x := openTerminal(t, w, pty.Winsize{Rows: 24, Cols: 80}, "root@"+name)
	io.WriteString(x, "tty; echo TERM=$TERM; echo a\"\"b\r")
	x.Expect(t, "/dev/pts/")
	x.Expect(t, "TERM=xterm")
	x.Expect(t, "ab\r\n")
	io.WriteString(x, "exit 5\r")
	if code := x.End(); code != 5 {
		t.Errorf("the shell exited 5, ssh %d", code)
	}
}
