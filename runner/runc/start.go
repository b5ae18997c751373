// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/runner/child"
	"switchyard/runner/sessions"
)

// startWait bounds one call of the runtime to start a process. It takes some tens of milliseconds; in a container that
// is paused meanwhile, for ever.
const startWait = 30 * time.Second

// Start starts a process and returns when its program runs, which may be over by then. It leads a session of its
// own. ctx bounds the wait: a start that was given up is followed to its end all the same, and what it
// started is ended. The error's text is the runtime's, for a person once it is cut to a line. The caller may close
// the command's files as soon as Start returns, however it does.
//
// A terminal's size is set before the program runs, its modes soon after the program's start at the latest: a program
// that must not run before waits to be continued.
func (r *Runtime) Start(ctx context.Context, c Command) (*child.Process, error) {
	type result struct {
		process *child.Process
		err     error
	}
	// A start that is given up goes on. If its caller closed the files meanwhile, the container would be given
	// whatever has their numbers then.
	var err error
	if c.Files, err = duplicate(c.Files); err != nil {
		return nil, err
	}
	started := make(chan result)
	r.starts.Go(func() {
		p, err := r.start(c)
		closeAll(c.Files)
		select {
		case started <- result{p, err}:
		case <-ctx.Done():
			if p != nil {
				p.End()
			}
		}
	})
	select {
	case s := <-started:
		return s.process, s.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// duplicate makes descriptors of our own for the same files.
func duplicate(files []*os.File) (own []*os.File, err error) {
	for _, f := range files {
		raw, err := f.SyscallConn()
		if err != nil {
			closeAll(own)
			return nil, err
		}
		fd, failed := -1, error(nil)
		if err = raw.Control(func(number uintptr) { fd, failed = unix.FcntlInt(number, unix.F_DUPFD_CLOEXEC, 0) }); err == nil {
			err = os.NewSyscallError("fcntl", failed)
		}
		if err != nil {
			closeAll(own)
			return nil, err
		}
		own = append(own, os.NewFile(uintptr(fd), f.Name()))
	}
	return own, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

func (r *Runtime) start(c Command) (*child.Process, error) {
	files := r.files.newCall()
	defer files.remove()
	description, err := r.process.describe(c)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(files.process(), description, 0o600); err != nil {
		return nil, err
	}
	s := r.cfg.Sessions.Begin(c.way())
	pid, io, err := r.launch(files, c, r.cgroup(s))
	if err != nil {
		s.Failed()
		return nil, err
	}
	return r.hold(pid, io, s)
}

func (c Command) way() string {
	if c.Aside {
		return sessions.Aside
	}
	return "runc"
}

// cgroup is the flag that starts a process in its session's cgroup.
func (r *Runtime) cgroup(s *sessions.Session) []string {
	argument := s.Cgroup(r.Name())
	if argument == "" || !r.cgroups {
		return nil // s moves the process
	}
	return []string{"--cgroup", argument}
}

// launch starts a process, whose leader is our child from then on.
func (r *Runtime) launch(files call, c Command, flags []string) (pid int, io *child.Stdio, err error) {
	if c.Pty != nil {
		return r.launchOnTerminal(files, c, flags)
	}
	if io, err = child.OpenPipes(); err != nil {
		return 0, nil, err
	}
	family.start()
	pid, err = r.call(files, io.Child(), c.Files, flags...)
	family.settle(pid)
	if err != nil {
		io.Close()
	}
	return pid, io, err
}

func (r *Runtime) launchOnTerminal(files call, c Command, flags []string) (int, *child.Stdio, error) {
	console, err := listenConsole(files.console())
	if err != nil {
		return 0, nil, err
	}
	defer console.close()
	family.start()
	pid, err := r.call(files, [3]*os.File{}, c.Files, append(flags, "--console-socket", files.console())...)
	family.settle(pid)
	if err != nil {
		return 0, nil, err
	}
	io, err := r.terminal(console, c)
	if err != nil {
		r.discard(pid)
	}
	return pid, io, err
}

func (r *Runtime) terminal(from *console, c Command) (*child.Stdio, error) {
	master, err := from.receive()
	if err != nil {
		return nil, err
	}
	r.setUp(master, c.Pty)
	return child.OpenTerminal(master, -1)
}

// hold makes a process of a leader.
func (r *Runtime) hold(pid int, io *child.Stdio, s *sessions.Session) (*child.Process, error) {
	return child.New(pid, io, child.Config{Session: s, Log: r.cfg.Log, Reap: family.release, ReapAtExit: true})
}

// discard ends a leader of which no process can be made.
func (r *Runtime) discard(pid int) {
	_ = unix.Kill(pid, unix.SIGKILL) // our child, not yet reaped: it can be no other
	family.release(pid)
}

// call has the runtime start a process, with the given descriptors as its standard input, output and error, or none of
// ours, and extra behind them. The pid is positive whenever there is a process: one that the runtime started, but failed after, is
// killed.
func (r *Runtime) call(files call, stdio [3]*os.File, extra []*os.File, flags ...string) (pid int, err error) {
	arguments := append([]string{r.Name()}, r.options...)
	arguments = append(arguments, "--log", files.log(), "--log-format", "json",
		"exec", "--detach", "--process", files.process(), "--pid-file", files.pid())
	if len(extra) > 0 {
		arguments = append(arguments, "--preserve-fds", strconv.Itoa(len(extra)))
	}
	arguments = append(append(arguments, flags...), r.cfg.ContainerID)
	if err := r.run(arguments, stdio, extra); err != nil {
		if pid := readPID(files.pid()); pid > 0 {
			_ = unix.Kill(pid, unix.SIGKILL)
			child.Reap(pid)
		}
		return 0, errors.New(files.complaint(err))
	}
	if pid = readPID(files.pid()); pid <= 0 {
		return 0, fmt.Errorf("%s does not tell the process's number", r.Name())
	}
	return pid, nil
}

// run runs the runtime to its end.
func (r *Runtime) run(arguments []string, stdio [3]*os.File, extra []*os.File) error {
	ctx, cancel := context.WithTimeout(context.Background(), startWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.program.executable())
	cmd.Args = arguments
	cmd.Env, cmd.Dir = environment(), "/"
	if stdio[0] != nil { // a nil file is not a nil reader
		cmd.Stdin, cmd.Stdout, cmd.Stderr = stdio[0], stdio[1], stdio[2]
	}
	cmd.ExtraFiles = extra
	return cmd.Run()
}

func readPID(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(string(bytes.TrimSpace(text)))
	return pid
}

// complaint is why the runtime failed: the last error in its log.
func (c call) complaint(failed error) string {
	text, _ := os.ReadFile(c.log())
	complaint := failed.Error()
	for line := range bytes.Lines(text) {
		var entry struct{ Level, Msg string }
		if json.Unmarshal(line, &entry) == nil && entry.Level == "error" && entry.Msg != "" {
			complaint = entry.Msg
		}
	}
	return complaint
}
