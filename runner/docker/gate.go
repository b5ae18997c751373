// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// The gate is a shell of the container that goes to the login's home, as the login, stops
// itself where it must, and becomes the user's command when it is continued. While it is
// stopped the runner takes hold of it and sets up its terminal; without it, a
// short command would be gone before its pidfd was open, and a program could ask
// for the window's size before it was set.
//
// The process is alone in its session, so its stop is noticed by nobody, and the
// kernel's rule of hanging up orphaned groups that are stopped does not apply: it
// is about a parent of the same session. Somebody in the container who continues
// it early loses nothing but that setting up.
//
// Where nothing must be held up, the gate does not stop. It is there all the same, for the home: a
// working directory that the container's files name is never entered from outside (CVE-2024-21626).
const (
	// enterHome goes to the home, the first argument. cd exports OLDPWD, and some shells count SHLVL.
	enterHome = `cd -- "$1" 2>/dev/null || cd /; unset OLDPWD SHLVL; `
	stop      = `kill -STOP $$; `
	// become gets the command after the home.
	become = `shift; %sexec "$@"`
	// rawBecome is for a command line that JSON cannot carry, as which a command travels: the line
	// comes as formats of printf(1), one behind the other. The full stop at their end keeps its trailing
	// newlines.
	rawBecome = `set -- "$2" "$3" "$(%s)"; %sexec "$1" "$2" "${3%%.}"`
)

const (
	// defaultGateWait bounds the wait for the gate to stop. It is far more than a
	// shell takes.
	defaultGateWait = 10 * time.Second
	// gatePause is how often its state is looked at.
	gatePause = 200 * time.Microsecond
)

// bourne are the shells that understand the gate's script.
var bourne = map[string]bool{"sh": true, "ash": true, "dash": true, "bash": true, "ksh": true, "mksh": true, "zsh": true}

// gateShell chooses the shell that is the gate; empty when there is none.
func (t *Target) gateShell(ctx context.Context, login string) string {
	const system = "/bin/sh"
	if login == system || t.executable(ctx, system) == nil {
		return system
	}
	if bourne[path.Base(login)] {
		return login
	}
	return ""
}

// gated wraps a command.
func gated(shell, home string, command []string, stops bool) []string {
	held := ""
	if stops {
		held = stop
	}
	last := len(command) - 1
	if utf8.ValidString(command[last]) {
		return append([]string{shell, "-c", enterHome + fmt.Sprintf(become, held), "sh", home}, command...)
	}
	formats := printfFormats(command[last])
	script := enterHome + fmt.Sprintf(rawBecome, printfs(len(formats)), held)
	return append([]string{shell, "-c", script, "sh", home, command[0], command[1]}, formats...)
}

// printfs are the commands that print the formats, which are the script's arguments from the fourth on, and a
// full stop.
func printfs(formats int) string {
	var commands []string
	for i := range formats {
		commands = append(commands, fmt.Sprintf(`printf "${%d}"`, 4+i))
	}
	return strings.Join(append(commands, "printf ."), "; ")
}

// isGated says whether a command is one that gated made.
func isGated(command []string) bool {
	return slices.ContainsFunc(command, func(word string) bool { return strings.HasPrefix(word, enterHome) })
}

// maxFormat is the longest format in bytes. It leaves room below the longest argument that a process can be
// given, 128 KiB (MAX_ARG_STRLEN, execve(2)); a line grows to four times its length at worst.
const maxFormat = 96 << 10

// printfFormats writes a string as formats of printf(1) that together mean it.
func printfFormats(s string) []string {
	var formats []string
	var b strings.Builder
	for i := range len(s) {
		if b.Len() >= maxFormat {
			formats = append(formats, b.String())
			b.Reset()
		}
		if isPlain(s[i]) {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, `\%03o`, s[i])
		}
	}
	return append(formats, b.String())
}

// isPlain says whether a byte means itself wherever in a format it is: a minus sign in front would be an option.
func isPlain(b byte) bool { return b >= ' ' && b <= '~' && b != '%' && b != '\\' && b != '-' }

// errGateShut says that a process never came to its gate. It must not be left
// so, since it would stop there as soon as it can, for ever.
var errGateShut = errors.New("the process did not get ready in time: the machine is overloaded, or something in the container interferes")

// awaitGate waits until a process that shall stop in the gate has. It is false when
// there is none or it has been passed: the process has ended, or its shell cannot
// stop itself, or somebody in the container has continued it.
func (t *Target) awaitGate(ctx context.Context, pid int) (bool, error) {
	stat, err := os.Open(procPath(pid, "stat"))
	if err != nil {
		return false, nil // it has ended
	}
	defer stat.Close()
	inside := false
	for end := time.Now().Add(t.gateWait); time.Now().Before(end); {
		atGate := isAtGate(pid)
		switch state(stat) {
		case 'T':
			return true, nil
		case 'Z', 'X', 0:
			return false, nil
		}
		if inside && !atGate {
			return false, nil
		}
		inside = atGate
		if err := ctx.Err(); err != nil {
			return false, err
		}
		// The runtime's timers are no finer than a millisecond when idle.
		_ = unix.Nanosleep(&unix.Timespec{Nsec: gatePause.Nanoseconds()}, nil)
	}
	return false, errGateShut
}

// isAtGate says whether a process is still the gate's shell: before, it is the
// container runtime's, and after, the user's.
func isAtGate(pid int) bool {
	command, _ := os.ReadFile(procPath(pid, "cmdline"))
	return isGated(strings.Split(string(command), "\x00"))
}

// prepare sets up a process that has just been started, and lets it go.
func (p *process) prepare(ctx context.Context, j job) error {
	if p.leader == nil {
		p.session.Gone()
		return nil
	}
	stopped := false
	if j.stops {
		var err error
		if stopped, err = p.target.awaitGate(ctx, p.leader.PID()); err != nil {
			p.session.Started(p.leader) // for its end
			return err
		}
	} else {
		awaitProgram(ctx, p.leader, programWait)
	}
	p.session.Started(p.leader)
	if j.pty != nil {
		if err := p.takeTerminal(j.pty); err != nil {
			return err
		}
	}
	if stopped {
		return p.leader.Signal(unix.SIGCONT)
	}
	return nil
}
