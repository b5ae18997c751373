// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"switchyard/test/rig"
)

// testTerminal is what people run in a terminal, which they resize.
func testTerminal(t *testing.T, f *fleet) {
	t.Run("a full-screen program", func(t *testing.T) { f.each(t, f.fullScreen, rig.Busybox, rig.Debian) })
	t.Run("tmux", func(t *testing.T) { f.each(t, f.tmux, rig.Debian) })
	t.Run("tmux that is not in the image", func(t *testing.T) {
		f.each(t, func(t *testing.T, x *target) { fails(t, f.ssh(x.alias, "tmux", "attach"), 127, x.missing("tmux")) }, rig.Busybox, rig.Scratch)
	})
	t.Run("the interrupt key", func(t *testing.T) { f.each(t, f.interrupt, rig.Scratch) })
}

// terminal is a client on a local terminal.
type terminal struct {
	*os.File
	cmd  *exec.Cmd
	seen bytes.Buffer
}

func openTerminal(t *testing.T, c *exec.Cmd, rows, columns uint16) *terminal {
	t.Helper()
	file, err := pty.StartWithSize(c, &pty.Winsize{Rows: rows, Cols: columns})
	must(t, err)
	x := &terminal{File: file, cmd: c}
	t.Cleanup(x.hangUp)
	return x
}

// hangUp ends the client as a closed window does.
func (x *terminal) hangUp() {
	if x.cmd.ProcessState == nil {
		x.cmd.Process.Kill()
		x.cmd.Wait()
	}
	x.Close()
}

func (x *terminal) resize(t *testing.T, rows, columns uint16) {
	t.Helper()
	must(t, pty.Setsize(x.File, &pty.Winsize{Rows: rows, Cols: columns}))
}

func (x *terminal) enter(t *testing.T, keys string) {
	t.Helper()
	_, err := x.WriteString(keys)
	must(t, err)
}

// keepTyping types keys again and again: ssh may have sent them before the size that the terminal had by then.
func (x *terminal) keepTyping(t *testing.T, keys string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var typing sync.WaitGroup
	typing.Go(func() {
		again := time.NewTicker(time.Second)
		defer again.Stop()
		for ctx.Err() == nil {
			_, _ = x.WriteString(keys)
			select {
			case <-again.C:
			case <-ctx.Done():
			}
		}
	})
	stop = func() { cancel(); typing.Wait() }
	t.Cleanup(stop)
	return stop
}

// expect reads until the screen has been sent this, and forgets all up to there.
func (x *terminal) expect(t *testing.T, want string) {
	t.Helper()
	defer time.AfterFunc(deadline, func() { x.cmd.Process.Kill() }).Stop()
	for buffer := make([]byte, 4096); ; {
		if i := bytes.Index(x.seen.Bytes(), []byte(want)); i >= 0 {
			x.seen.Next(i + len(want))
			return
		}
		n, err := x.Read(buffer)
		x.seen.Write(buffer[:n])
		if err != nil {
			t.Fatalf("waiting for %q: %v; seen %q", want, err, x.seen.String())
		}
	}
}

// ends reads to the end, and wants an exit code.
func (x *terminal) ends(t *testing.T, code int) {
	t.Helper()
	defer time.AfterFunc(deadline, func() { x.cmd.Process.Kill() }).Stop()
	for buffer := make([]byte, 4096); ; {
		n, err := x.Read(buffer)
		x.seen.Write(buffer[:n])
		if err != nil {
			break
		}
	}
	x.cmd.Wait()
	if got := x.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d; seen %q", got, code, x.seen.String())
	}
}

// fullScreen reads a numbered file in an editor or a pager: what it draws tells the size that it believes in.
func (f *fleet) fullScreen(t *testing.T, x *target) {
	inside, outside := x.fresh(t)
	var lines strings.Builder
	for i := range 200 {
		fmt.Fprintf(&lines, "this is line %d.\n", i+1)
	}
	must(t, os.WriteFile(outside+"/lines", []byte(lines.String()), 0o644))
	program, quit := "vi ", ":q!\r"
	if x.image == rig.Debian {
		program, quit = "less ", "q"
	}
	screen := openTerminal(t, f.ssh("-tt", x.alias, program+inside+"/lines"), 20, 70)
	screen.expect(t, "this is line 19.")
	if strings.Contains(screen.seen.String(), "line 20.") {
		t.Errorf("20 rows show more than 19 lines: %q", screen.seen.String())
	}
	screen.resize(t, 40, 100)
	stop := screen.keepTyping(t, "\f") // redraw: both programs miss a signal that comes just before they wait for a key
	screen.expect(t, "this is line 39.")
	stop()
	screen.enter(t, quit)
	screen.ends(t, 0)
}

// tmux leaves a session by closing the window, and finds it again, in another size.
func (f *fleet) tmux(t *testing.T, x *target) {
	inside, _ := x.fresh(t)
	socket := "tmux -u -f /dev/null -S " + inside + "/s "
	t.Cleanup(func() { run(t, f.ssh(x.alias, socket+"kill-server"), nil) })
	first := openTerminal(t, f.ssh("-tt", x.alias, socket+"new -s work 'PS1=; exec sh -i'"), 24, 80)
	first.expect(t, "[work]")
	first.enter(t, "stty size; echo typed\" here\"\r")
	first.expect(t, "23 80")
	first.expect(t, "typed here")
	first.resize(t, 31, 97)
	first.awaitSize(t, "30 97")
	first.hangUp()
	second := openTerminal(t, f.ssh("-tt", x.alias, socket+"attach -t work"), 41, 101)
	second.expect(t, "typed here")
	second.awaitSize(t, "40 101")
	second.enter(t, "exit\r")
	second.expect(t, "[exited]")
	second.ends(t, 0)
}

// awaitSize types a loop that ends when the shell's terminal has the size, which tmux changes in its own time.
func (x *terminal) awaitSize(t *testing.T, size string) {
	t.Helper()
	x.enter(t, fmt.Sprintf("until [ \"$(stty size)\" = \"%s\" ]; do sleep .05; done; echo \"it is \"%s\r", size, size))
	x.expect(t, "it is "+size)
}

// interrupt types what ends the only program of an image that has no shell.
func (f *fleet) interrupt(t *testing.T, x *target) {
	marker := fmt.Sprint(800000 + x.uid)
	c := openTerminal(t, f.ssh("-tt", x.alias, "/sleep", marker), 24, 80)
	rig.Eventually(t, deadline, func() (bool, string) { return x.count(t, marker) == 1, "it has not started" })
	c.enter(t, "\x03")
	c.ends(t, 255) // what ssh makes of a signal
	if n := x.count(t, marker); n != 0 {
		t.Errorf("%d of it go on", n)
	}
}
