// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/sirupsen/logrus"

	"golang.org/x/sys/unix"

	"switchyard/runner/child"
	"switchyard/runner/helper"
	"switchyard/runner/host"
	"switchyard/sshd"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// asRunner has the test program be a runner that gets killed: it names the helper.
const asRunner = "SWITCHYARD_TEST_RUNNER"

func TestMain(m *testing.M) {
	if program := os.Getenv(asRunner); program != "" {
		beRunner(program)
		return
	}
	code := rig.VerifyNoLeaks(m)
	world.Cleanup()
	os.Exit(code)
}

// beRunner makes what a connection can have, says where, and waits for the end of its input.
func beRunner(program string) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil { // as a runner does
		panic(err)
	}
	p := helper.New(program)
	t := host.New(host.Config{Helper: p})
	s, err := t.Sockets(accountOf(os.Getuid()))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	if _, err := s.Listen(ctx, os.Args[1], false); err != nil {
		panic(err)
	}
	_, socket, err := s.ListenPrivate(ctx, "agent")
	if err != nil {
		panic(err)
	}
	file, _, err := s.WritePrivate(ctx, "xauth", []byte("cookie"))
	if err != nil {
		panic(err)
	}
	fmt.Println(socket)
	fmt.Println(file)
	io.Copy(io.Discard, os.Stdin)
}

func accountOf(uid int) sshd.Account {
	return sshd.Account{Name: fmt.Sprint(uid), User: fmt.Sprint(uid), UID: uint32(uid), GID: uint32(uid), Home: "/", Shell: "/bin/sh"}
}

// program is the helper, as it is released.
func program(t testing.TB) *helper.Program {
	t.Helper()
	p := helper.New(world.Helper(t))
	t.Cleanup(func() { p.Close() })
	return p
}

// sockets are those of an account of this machine.
func sockets(t testing.TB, a sshd.Account) sshd.Sockets {
	t.Helper()
	s, err := host.New(host.Config{Helper: program(t), Log: testLog(t)}).Sockets(a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mine() sshd.Account { return accountOf(os.Getuid()) }

// testLog fails the test for a warning.
func testLog(t testing.TB) logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	log.AddHook(complaints{t})
	return log
}

type complaints struct{ t testing.TB }

func (complaints) Levels() []logrus.Level {
	return []logrus.Level{logrus.WarnLevel, logrus.ErrorLevel}
}

func (c complaints) Fire(e *logrus.Entry) error {
	c.t.Errorf("logged: %s %v", e.Message, e.Data)
	return nil
}

// socketsIn are an account's with a TMPDIR.
func socketsIn(t testing.TB, tmpdir string) sshd.Sockets {
	t.Helper()
	p := program(t)
	s := p.Sockets(mine(), startHere(t, "TMPDIR="+tmpdir), testLog(t))
	t.Cleanup(func() { s.Close() })
	return s
}

// startHere starts the helper as a plain child.
func startHere(t testing.TB, env ...string) helper.Start {
	return func(_ context.Context, args []string, files []*os.File) (sshd.Process, error) {
		stdio, err := child.OpenPipes()
		if err != nil {
			return nil, err
		}
		own := stdio.Child()
		attr := &syscall.ProcAttr{Env: env, Dir: "/", Sys: &syscall.SysProcAttr{Setsid: true}}
		for _, f := range append(own[:], files...) {
			attr.Files = append(attr.Files, f.Fd())
		}
		pid, _, err := syscall.StartProcess(args[0], args, attr)
		if err != nil {
			stdio.Close()
			return nil, err
		}
		return child.New(pid, stdio, child.Config{})
	}
}

func helperPath(t testing.TB) string { return world.Helper(t) }
