// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Command switchyard is the client: it reaches containers and keeps records through a controller's
// HTTPS port. Here is the command tree alone; what it does is in package client and those below it.
//
// The rules of what it prints: records and SSH bytes go to standard output; everything else goes to
// standard error behind the program's name, in lower case and without a full stop, and an error says what
// to do next. Secrets come from files, standard input, the environment or a prompt, never from the
// command line, and are printed only where a command's whole purpose is to hand one out.
package main

import (
	"context"
	"fmt"
	"os"

	"switchyard/client"
	"switchyard/client/show"
)

// version is set by the linker (-X main.version=…).
var version string

func main() {
	p := &program{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}
	os.Exit(p.main(os.Args[1:]))
}

// main runs one command line and returns the exit code.
func (p *program) main(args []string) int {
	root := p.root()
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	err := root.ExecuteContext(context.Background())
	if err != nil {
		fmt.Fprintf(p.err, "switchyard: %s\n", show.Line(err.Error()))
	}
	return p.exitCode(err)
}

// exitCode maps an error to the exit code. What fails before a command runs is a mistake in its line.
func (p *program) exitCode(err error) int {
	switch {
	case err == nil:
		return p.code
	case !p.running:
		return client.ExitUsage
	case p.code != 0:
		return p.code
	}
	return client.ExitCode(err)
}
