// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// hostTarget is a Target whose processes are this machine's own, all run as whoever runs the test.
type hostTarget struct {
	accounts map[string]Account // by login; "" is the default user
	dial     func(ctx context.Context, host string, port uint16) (net.Conn, error)
	start    func(ctx context.Context, c Command) (Process, error) // nil: startHost

	mu       sync.Mutex
	commands []Command
	started  []*countedProcess
}

func newHostTarget() *hostTarget {
	app := Account{Name: "app", User: "app", UID: 1000, GID: 1000, Home: "/", Shell: "/bin/sh"}
	root := Account{Name: "root", User: "root", Home: "/", Shell: "/bin/sh"}
	return &hostTarget{accounts: map[string]Account{"": app, "app": app, "root": root, "1000:0": {Name: "app", User: "1000:0"}}}
}

func (h *hostTarget) Account(_ context.Context, login string) (Account, error) {
	a, ok := h.accounts[login]
	if !ok {
		return Account{}, &NoLoginError{Login: login, Target: `container "web"`}
	}
	return a, nil
}

func (h *hostTarget) Start(ctx context.Context, c Command) (Process, error) {
	start := h.start
	if start == nil {
		start = startHost
	}
	p, err := start(ctx, c)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commands = append(h.commands, c)
	if err != nil {
		return nil, err
	}
	counted := &countedProcess{Process: p}
	h.started = append(h.started, counted)
	if c, ok := p.(StdoutCloser); ok {
		return struct {
			*countedProcess
			StdoutCloser
		}{counted, c}, nil
	}
	return counted, nil
}

func (h *hostTarget) Dial(ctx context.Context, host string, port uint16) (net.Conn, error) {
	if h.dial != nil {
		return h.dial(ctx, host, port)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", net.JoinHostPort(host, itoa(int(port))))
}

// lastCommand is the command that was started last.
func (h *hostTarget) lastCommand(t testing.TB) Command {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.commands) == 0 {
		t.Fatal("no command was started")
	}
	return h.commands[len(h.commands)-1]
}

// commandsSoFar are the commands that were started.
func (h *hostTarget) commandsSoFar() []Command {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.commands)
}

// checkEnded fails the test unless End was called once for every process that was started.
func (h *hostTarget) checkEnded(t testing.TB) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, p := range h.started {
		if n := p.ends.Load(); n != 1 {
			t.Errorf("End of process %d was called %d times, want once", i, n)
		}
	}
}

// countedProcess counts the calls of End.
type countedProcess struct {
	Process
	ends atomic.Int32
}

func (p *countedProcess) End() {
	p.ends.Add(1)
	p.Process.End()
}

// hostProcess is a process of this machine in a session of its own.
type hostProcess struct {
	cmd            *exec.Cmd
	tty            *os.File // nil without a terminal
	stdin          *os.File
	stdout, stderr *os.File

	exited chan struct{}
	exit   Exit
	err    error
}

func startHost(_ context.Context, c Command) (Process, error) {
	cmd := exec.Command(c.Account.Shell, "-c", c.Line)
	if c.Shell {
		cmd = exec.Command(c.Account.Shell)
	}
	cmd.Env = append(os.Environ(), c.Env...)
	p := &hostProcess{cmd: cmd, exited: make(chan struct{})}
	start := p.startPipes
	if c.Pty != nil {
		start = func() error { return p.startTerminal(c.Pty.Size) }
	}
	if err := start(); err != nil {
		return nil, err
	}
	go p.reap()
	return p, nil
}

func (p *hostProcess) startTerminal(s WindowSize) error {
	tty, err := pty.StartWithSize(p.cmd, winsize(s))
	p.tty = tty
	return err
}

func winsize(s WindowSize) *pty.Winsize {
	return &pty.Winsize{Cols: uint16(s.Columns), Rows: uint16(s.Rows), X: uint16(s.Width), Y: uint16(s.Height)}
}

func (p *hostProcess) startPipes() error {
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var err [3]error
	var in, out, errw *os.File
	in, p.stdin, err[0] = os.Pipe()
	p.stdout, out, err[1] = os.Pipe()
	p.stderr, errw, err[2] = os.Pipe()
	if e := errors.Join(err[:]...); e != nil {
		return e
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = in, out, errw
	defer in.Close()
	defer out.Close()
	defer errw.Close()
	return p.cmd.Start()
}

func (p *hostProcess) reap() {
	defer close(p.exited)
	err := p.cmd.Wait()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		p.err = err
		return
	}
	status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		p.exit = Exit{Signal: signalName(status.Signal()), CoreDumped: status.CoreDump()}
		return
	}
	p.exit = Exit{Code: status.ExitStatus()}
}

var signalNumbers = map[string]syscall.Signal{
	"ABRT": syscall.SIGABRT, "ALRM": syscall.SIGALRM, "FPE": syscall.SIGFPE, "HUP": syscall.SIGHUP,
	"ILL": syscall.SIGILL, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "PIPE": syscall.SIGPIPE,
	"QUIT": syscall.SIGQUIT, "SEGV": syscall.SIGSEGV, "TERM": syscall.SIGTERM, "USR1": syscall.SIGUSR1,
	"USR2": syscall.SIGUSR2,
}

func signalName(sig syscall.Signal) string {
	for name, n := range signalNumbers {
		if n == sig {
			return name
		}
	}
	return "UNKNOWN@switchyard.invalid"
}

func (p *hostProcess) Stdin() io.WriteCloser {
	if p.tty != nil {
		return ttyInput{p.tty}
	}
	return p.stdin
}

// ttyInput ends input as a person does.
type ttyInput struct{ tty *os.File }

func (i ttyInput) Write(b []byte) (int, error) { return i.tty.Write(b) }
func (i ttyInput) Close() error                { _, err := i.tty.Write([]byte{4}); return err }

func (p *hostProcess) Stdout() io.Reader {
	if p.tty != nil {
		return ttyOutput{p.tty}
	}
	return p.stdout
}

// ttyOutput makes EIO, by which Linux says that no process has the terminal any more, an EOF.
type ttyOutput struct{ tty *os.File }

func (o ttyOutput) Read(b []byte) (int, error) {
	n, err := o.tty.Read(b)
	if errors.Is(err, syscall.EIO) || errors.Is(err, os.ErrClosed) {
		err = io.EOF
	}
	return n, err
}

func (p *hostProcess) Stderr() io.Reader {
	if p.stderr == nil {
		return nil
	}
	return p.stderr
}

func (p *hostProcess) Resize(s WindowSize) error {
	if p.tty == nil {
		return errors.New("no terminal")
	}
	raw, err := p.tty.SyscallConn() // not Fd, which makes the file blocking and races with its Close
	if err != nil {
		return err
	}
	size := &unix.Winsize{Col: uint16(s.Columns), Row: uint16(s.Rows)}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	return errors.Join(err, failed)
}

func (p *hostProcess) Signal(name string) error {
	return syscall.Kill(-p.cmd.Process.Pid, signalNumbers[name])
}

func (p *hostProcess) Break() error { return nil }

func (p *hostProcess) CloseStdout() error { return p.stdout.Close() }

func (p *hostProcess) Wait() (Exit, error) {
	<-p.exited
	return p.exit, p.err
}

// End hangs up the process's group, kills it when that is not enough, and releases the files.
func (p *hostProcess) End() {
	group := -p.cmd.Process.Pid
	syscall.Kill(group, syscall.SIGHUP)
	syscall.Kill(group, syscall.SIGCONT)
	select {
	case <-p.exited:
	case <-time.After(patience):
	}
	syscall.Kill(group, syscall.SIGKILL)
	<-p.exited
	for _, f := range []*os.File{p.tty, p.stdin, p.stdout, p.stderr} {
		if f != nil {
			f.Close()
		}
	}
}
