// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
)

// maxArgument is the longest command: the shell gets it as one argument (MAX_ARG_STRLEN, execve(2)).
const maxArgument = 128<<10 - 1

// Exit statuses of a process that could not be started, as POSIX shells use them (XCU section 2.8.2).
const (
	exitCannotRun = 126
	exitNotFound  = 127
)

func (s *session) handleShell(payload []byte) error {
	if len(payload) != 0 {
		return errors.New("the request has a payload")
	}
	return s.start(s.c.cfg.Target.Start, Command{Shell: true})
}

func (s *session) handleExec(payload []byte) error {
	m, err := parse[execMsg](payload)
	if err != nil {
		return err
	}
	if strings.IndexByte(m.Command, 0) >= 0 {
		return errors.New("the command has a NUL byte")
	}
	return s.start(s.c.cfg.Target.Start, Command{Line: m.Command})
}

func (s *session) handleSubsystem(payload []byte) error {
	m, err := parse[subsystemMsg](payload)
	if err != nil {
		return err
	}
	start := s.c.cfg.Subsystems[m.Name]
	if start == nil {
		return fmt.Errorf("there is no subsystem %s", quote(m.Name))
	}
	return s.start(start, Command{})
}

// start makes the process start behind the request's answer. The answer is success even when the start
// then fails: a refused request gives the person no reason, a started session has a standard error and
// an exit status to give it with, which is what OpenSSH's server does when it cannot run the shell.
func (s *session) start(start StartFunc, cmd Command) error {
	if err := s.begin(); err != nil {
		return err
	}
	cmd.Account = s.c.login
	cmd.Env = s.environment()
	cmd.Pty = s.pty
	s.launch = func() { s.run(start, cmd) }
	return nil
}

// environment is what the process gets of the session: the client's variables, then the server's.
func (s *session) environment() []string {
	env := s.env.vars
	if s.pty != nil {
		env = append(withoutVar(env, "TERM"), "TERM="+s.pty.Term)
	}
	return append(env, connectionVars(s.c.grant.ClientAddress)...)
}

// withVars is vars with these set.
func withVars(vars, set []string) []string {
	for _, v := range set {
		name, _, _ := strings.Cut(v, "=")
		vars = append(withoutVar(vars, name), v)
	}
	return vars
}

// withoutVar is vars without the variable, in an array of its own.
func withoutVar(vars []string, name string) []string {
	var rest []string
	for _, v := range vars {
		if !strings.HasPrefix(v, name+"=") {
			rest = append(rest, v)
		}
	}
	return rest
}

// connectionVars are SSH_CLIENT and SSH_CONNECTION, ssh(1): the client's address and port, then the
// server's. The server's address is the business of nobody inside the target; what stands for it is
// what OpenSSH's server writes when it has no socket.
func connectionVars(client string) []string {
	addr, err := netip.ParseAddrPort(client)
	if err != nil {
		return nil
	}
	from := fmt.Sprintf("%s %d", addr.Addr().Unmap().WithZone(""), addr.Port())
	return []string{"SSH_CLIENT=" + from + " 65535", "SSH_CONNECTION=" + from + " UNKNOWN 65535"}
}

// checkCommand refuses a command that execve would refuse with less of a sentence.
func checkCommand(c Command) error {
	if len(c.Line) > maxArgument {
		return fmt.Errorf("the command has %d bytes: %d is the most; send it on standard input instead", len(c.Line), maxArgument)
	}
	return nil
}

// exitOfStart is the exit status that a failed start has.
func exitOfStart(err error) Exit {
	if errors.Is(err, fs.ErrNotExist) {
		return Exit{Code: exitNotFound}
	}
	return Exit{Code: exitCannotRun}
}
