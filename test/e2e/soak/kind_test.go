// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh/agent"
)

// kind is what a session is for.
type kind struct {
	options []string // of ssh's, where %d is a number of the session's own, %s the user's socket, and %a that of the agent
	command string   // with the same number for each %d
	// begin returns when the session does what it is for. Nil: its first line of output is "ready".
	begin func(*soakSession) error
	// quit has the session end by itself. Nil: at a line of input.
	quit func(*soakSession)
}

// everywhere are sessions that need nothing of the runtime: children and grandchildren, on pipes and on terminals, and a
// connection that comes back through a forwarded port. They leave what they started.
var everywhere = []kind{
	{options: []string{"-T"}, command: `(sleep 51 & sh -c 'sleep 52 & wait' & wait) >/dev/null 2>&1 & echo ready; read x`},
	{options: []string{"-T"}, command: `trap : HUP; (trap : HUP; while :; do sleep 0.5; done) >/dev/null 2>&1 & echo ready; read x`},
	{options: []string{"-T"}, command: `sleep 53 | sleep 54 >/dev/null 2>&1 & sh -c 'kill -STOP $$' >/dev/null 2>&1 & echo ready; head -n 1 | read x`},
	{options: []string{"-tt"}, command: `sleep 55 & sh -c 'sleep 56 & sleep 57' & stty -echo; echo ready; read x`},
	{options: []string{"-tt"}, command: `set -m; trap : HUP; sleep 58 & cat & echo ready; read x`},
	{options: []string{"-T", "-o", "ExitOnForwardFailure=yes", "-R", "%d:%s"}, command: `nc 127.0.0.1 %d`},
}

// byTheRuntime are sessions for which our own program runs in the container, and that have sockets, files and listeners
// there: of the agent, of a forward, of a display with a connection that has not shown its cookie, and of sftp.
var byTheRuntime = []kind{
	{options: []string{"-T", "-A", "-o", "IdentityAgent=%a"}, command: `test -S "$SSH_AUTH_SOCK" && echo ready; read x`},
	{options: []string{"-T", "-R", "/tmp/soak-%d:%s"}, command: `until test -S /tmp/soak-%d; do sleep 0.1; done; echo ready; read x`},
	{options: []string{"-tt", "-Y"}, command: `stty -echo; n=${DISPLAY#*:}
		test -s "$XAUTHORITY" || exit; (sleep 59 | nc 127.0.0.1 $((6000+${n%%.*}))) & echo ready; read x`},
	{options: []string{"-s"}, command: "sftp", begin: uploads, quit: closes},
	{options: []string{"-s"}, command: "sftp", begin: downloads, quit: closes},
}

// arguments are those of ssh for a session.
func (k kind) arguments(login string, number int, socket, agent string) (args []string) {
	fill := strings.NewReplacer("%d", fmt.Sprint(number), "%s", socket, "%a", agent, "%%", "%")
	for _, a := range append(append([]string{"-e", "none"}, k.options...), login, k.command) {
		args = append(args, fill.Replace(a))
	}
	return args
}

// ready waits for the line that says so.
func ready(s *soakSession) error {
	if line, err := s.out.ReadString('\n'); strings.TrimSpace(line) != "ready" {
		return fmt.Errorf("%q, %v", line, err)
	}
	return nil
}

// closes ends the input, and reads what is still on its way.
func closes(s *soakSession) {
	s.in.Close()
	io.Copy(io.Discard, s.out)
}

// agentSocket is a user's agent, which has no key.
func agentSocket(t *testing.T) string {
	t.Helper()
	return serve(t, func(conn net.Conn) { agent.ServeAgent(agent.NewKeyring(), conn) })
}

// userSocket is where ssh -R leads on the user's machine. It says "ready" to each connection, and closes it at a line of
// input.
func userSocket(t *testing.T) string {
	t.Helper()
	return serve(t, func(conn net.Conn) {
		fmt.Fprintln(conn, "ready")
		bufio.NewReader(conn).ReadString('\n')
	})
}

// serve serves a socket until the test ends, and returns its path.
func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer conn.Close(); handle(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return path
}
