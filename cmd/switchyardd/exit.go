// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// Exit codes, which docs/configuration.md lists.
const (
	exitFailure = 1 // it could not start or go on
	exitUsage   = 2 // the command line makes no sense
)

// usageError is a mistake in the command line that a command found by itself.
type usageError struct{ error }

// usage says that err, if it is one, is a mistake in the command line.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// exitCode maps an error to the exit code. What fails before a command runs is a mistake in its line.
func exitCode(err error, running bool) int {
	var mistake usageError
	if !running || errors.As(err, &mistake) {
		return exitUsage
	}
	return exitFailure
}

// noteRunning has a command say when its line has been understood. What cobra itself has for that comes before
// it looks for required flags.
func noteRunning(cmd *cobra.Command, running *bool) {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		*running = true
		return run(cmd, args)
	}
}
