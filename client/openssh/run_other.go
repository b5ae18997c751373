// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package openssh

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
)

// Run runs ssh in the place of this process and returns its exit code. A console sends an interrupt to
// all that is attached to it: it reaches ssh without help, and must not end this process before.
func Run(path string, argv []string) (code int, err error) {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	cmd := &exec.Cmd{Path: path, Args: argv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("starting %q: %v", path, err)
	}
	return 0, nil
}
