// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package inside

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"switchyard/runner/inside/broker"
	"switchyard/runner/inside/sftp"
)

// Word is the first argument of the program when it shall run as this package says.
const Word = "inside"

// What the program can be, its second argument.
const (
	SFTP   = "sftp"
	Broker = "broker"
)

// Descriptors that the program is started with, beside its standard three.
const (
	ProgramFD = 3 // the program itself
	ControlFD = 4 // the broker's socket
)

// Arguments are the command line behind the program's name: as what it shall run, and for which account.
func Arguments(as, home, user string) []string { return []string{Word, as, home, user} }

// Run does what the arguments behind Word say, and returns the exit status.
func Run(args []string) int {
	if len(args) != 3 {
		return fail("this is for the runner alone, which starts it in containers")
	}
	as, home, user := args[0], args[1], args[2]
	if err := prepare(as, home); err != nil {
		return fail("%s: %v", as, err)
	}
	var err error
	switch as {
	case SFTP:
		err = sftp.Serve(os.Stdin, os.Stdout, sftp.Config{Home: home, User: user})
	case Broker:
		err = serveBroker()
	default:
		return fail("the runner asks for %q, which this version does not have", as)
	}
	if err != nil {
		return fail("%s: %v", as, err)
	}
	return 0
}

// serveBroker serves the runner at the other end of ControlFD. A signal to end removes what was made, too.
func serveBroker() error {
	file := os.NewFile(ControlFD, "control")
	conn, err := net.FileConn(file)
	file.Close()
	if err != nil {
		return err
	}
	control, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return errors.New("the descriptor of the runner's is no unix-domain socket")
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGHUP, unix.SIGTERM, unix.SIGINT)
	defer stop()
	return broker.Serve(ctx, control)
}

func fail(format string, args ...any) int {
	fmt.Fprintf(os.Stderr, "switchyard: "+format+"\n", args...)
	return 1
}
