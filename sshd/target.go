// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

// Target is where a connection's sessions run and its forwards land: a container, or a machine.
// Its methods may be called concurrently.
type Target interface {
	// Account finds the account that a login names: a name, a uid, or uid:gid. The empty login is
	// the target's default user. The error is a *NoLoginError when the target has no such account.
	// ctx bounds the look-up.
	Account(ctx context.Context, login string) (Account, error)

	// Start starts a process. ctx bounds the start alone; the process lives until it exits or End
	// is called. The error's text is shown to the user.
	Start(ctx context.Context, c Command) (Process, error)

	// Dial connects to a TCP port as a process inside the target would: its loopback, its routes,
	// its resolver files. host is a name or an address without brackets. ctx bounds the dial alone.
	// The returned connection has CloseWrite.
	Dial(ctx context.Context, host string, port uint16) (net.Conn, error)
}

// Mortal is a Target that can end by itself, with every process in it. The process of a session is then
// gone before anybody can say why.
type Mortal interface {
	// Ending tells, within some tenths of a second, whether the target has ended or is about to. It is
	// asked when a process was killed by SIGKILL, or exited as a shell does whose child was.
	Ending() bool
}

// Account is a login that the target has.
type Account struct {
	Name  string // as in the target's passwd; the uid in decimal when it has no entry
	User  string // how the target is told to become it: "name", "uid" or "uid:gid"
	UID   uint32
	GID   uint32
	Home  string // "/" when passwd names none
	Shell string // absolute path, "/bin/sh" when passwd names none
}

// NoLoginError says that the target has no such account.
type NoLoginError struct {
	Login  string
	Target string // the target's name, for the person
}

func (e *NoLoginError) Error() string {
	return fmt.Sprintf("there is no login %q in %s: name one of its accounts, a uid or uid:gid", e.Login, e.Target)
}

// Command is a process to start. It always runs through the account's own shell.
type Command struct {
	Account Account
	// Line is the command of an exec request, run as shell -c Line. When Shell is set the process is
	// an interactive login shell and Line is empty.
	Line  string
	Shell bool
	Env   []string // "NAME=value", added to what the target gives the account; already checked
	Pty   *Pty     // nil: pipes instead of a terminal
}

// Pty is what a pty-req asked for (RFC 4254 section 6.2).
type Pty struct {
	Term  string
	Size  WindowSize
	Modes []TerminalMode // in the order they were sent
}

// WindowSize is a terminal's size (RFC 4254 section 6.7). Zero means unknown.
type WindowSize struct {
	Columns, Rows uint32 // characters
	Width, Height uint32 // pixels
}

// TerminalMode is one encoded terminal mode (RFC 4254 section 8, RFC 8160).
type TerminalMode struct {
	Opcode uint8
	Value  uint32
}

// Process is a started process and the session it leads. One goroutine may write Stdin, one read
// Stdout, one read Stderr, and others call the rest, all at once.
type Process interface {
	// Stdin is the process's standard input. Close gives it EOF; with a terminal that hangs nothing up.
	// A write returns an error once nobody reads.
	Stdin() io.WriteCloser
	// Stdout is its standard output, or the terminal's output. It ends with io.EOF when every
	// byte has been read.
	Stdout() io.Reader
	// Stderr is its standard error, nil with a terminal.
	Stderr() io.Reader

	// Resize changes the terminal's size; without a terminal it is an error.
	Resize(WindowSize) error
	// Signal sends a signal by its RFC 4254 section 6.10 name, without "SIG", to the foreground
	// process group of the terminal, or without one to the process's own group.
	Signal(name string) error
	// Break sends a BREAK on the terminal (RFC 4335); without a terminal it is an error.
	Break() error

	// Wait waits until the process has exited, not until its outputs have ended, and says how. It
	// may be called many times; each returns the same. The error is ErrDetached when End has left the
	// process running.
	Wait() (Exit, error)

	// End ends the session: SIGHUP to every process that still belongs to it, then after the grace
	// period SIGKILL to those that are left, but never to one that was detached on purpose (a session
	// of its own, or SIGHUP ignored). It releases every resource and returns when nothing is left. It
	// may be called any time and repeatedly; after a normal exit it clears up what stayed behind.
	End()
}

// ErrDetached is how the process of a session ends for the session when it ignores SIGHUP: not at all.
var ErrDetached = errors.New("the command ignores SIGHUP, so it was detached and goes on")

// StdoutCloser is what a Process without a terminal may also be. CloseStdout closes the reading end of its
// standard output, so that the next write of whoever holds the other end fails as on a broken pipe, and
// ends Stdout. It is called at most once, at any time, when the client takes no more output
// ("ssh web yes | head -1"). A process that is none gets SIGPIPE at its next output instead.
type StdoutCloser interface {
	CloseStdout() error
}

// Exit is how a process ended.
type Exit struct {
	Code int // the exit status, when Signal is empty
	// Signal is the RFC 4254 section 6.10 name, without "SIG", of the signal that killed the process.
	// Signals without such a name have the form that section allows for others, such as "BUS@openssh.com".
	Signal     string
	CoreDumped bool
	Message    string // for exit-signal's error message; may be empty
}
