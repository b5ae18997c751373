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

	"switchyard/sshd"
)

// The gate is a shell of the container that goes to the login's home, stops
// itself, and becomes the user's command when it is continued. While it is
// stopped the runner takes hold of it and sets up its terminal; without it, a
// short command would be gone before its pidfd was open, and a program could ask
// for the window's size before it was set.
//
// The process is alone in its session, so its stop is noticed by nobody, and the
// kernel's rule of hanging up orphaned groups that are stopped does not apply: it
// is about a parent of the same session. Somebody in the container who continues
// it early loses nothing but that setting up.
const (
	// gateScript gets the home, then the command. cd exports OLDPWD, and some
	// shells count SHLVL.
	gateScript = `cd -- "$1" 2>/dev/null || cd /; unset OLDPWD SHLVL; shift; kill -STOP $$; exec "$@"`
	// rawGateScript is for a command line that Docker's API, which is JSON,
	// cannot carry: the line comes as octal escapes. The full stop keeps its
	// trailing newlines.
	rawGateScript = `cd -- "$1" 2>/dev/null || cd /; unset OLDPWD SHLVL; set -- "$2" "$3" "$(printf "$4.")"; ` +
		`kill -STOP $$; exec "$1" "$2" "${3%.}"`
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
func gated(shell, home string, command []string) []string {
	last := len(command) - 1
	if utf8.ValidString(command[last]) {
		return append([]string{shell, "-c", gateScript, "sh", home}, command...)
	}
	return []string{shell, "-c", rawGateScript, "sh", home, command[0], command[1], octal(command[last])}
}

// isGated says whether a command is one that gated made.
func isGated(command []string) bool {
	return slices.Contains(command, gateScript) || slices.Contains(command, rawGateScript)
}

// octal writes a string as a format of printf(1) that means it.
func octal(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, `\%03o`, s[i])
	}
	return b.String()
}

// errGateShut says that a process never came to its gate. It must not be left
// so, since it would stop there as soon as it can, for ever.
var errGateShut = errors.New("the process did not get ready in time: the machine is overloaded, or something in the container interferes")

// awaitGate waits until the process has stopped in the gate. It is false when
// there is none or it has been passed: the process has ended, or its shell cannot
// stop itself, or somebody in the container has continued it.
func (p *process) awaitGate(ctx context.Context) (bool, error) {
	if !p.gated {
		return false, nil
	}
	stat, err := os.Open(procPath(p.leader.PID(), "stat"))
	if err != nil {
		return false, nil // it has ended
	}
	defer stat.Close()
	inside := false
	for end := time.Now().Add(p.target.gateWait); time.Now().Before(end); {
		atGate := p.atGate()
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

// atGate says whether the process is still the gate's shell: before, it is the
// container runtime's, and after, the user's.
func (p *process) atGate() bool {
	command, _ := os.ReadFile(procPath(p.leader.PID(), "cmdline"))
	return isGated(strings.Split(string(command), "\x00"))
}

// prepare sets up a process that has just been started, and lets it go.
func (p *process) prepare(ctx context.Context, pty *sshd.Pty) error {
	if p.leader == nil {
		return nil // it has ended already
	}
	stopped, err := p.awaitGate(ctx)
	if err != nil {
		return err
	}
	if pty != nil {
		if err := p.takeTerminal(pty); err != nil {
			return err
		}
	}
	if stopped {
		return p.leader.Signal(unix.SIGCONT)
	}
	return nil
}
