// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Command switchyardd is the daemon: "controller" runs the API and the switchyard, "runner" the endpoint for
// one container. The latter starts this program once more inside containers, as "inside", which is for nobody else.
// Here are the command tree and the assembly of parts alone; what they do is in packages controller
// and runner and those below them.
//
// It exits with 0 after a stop in good order, among them SIGTERM and SIGINT, with 2 when the command line makes no
// sense, and with 1 after any other error. An error is one line on standard error behind the program's name. The log
// goes to standard error as well.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"switchyard/runner/inside"
)

// version is set by the linker (-X main.version=…).
var version string

func main() {
	if len(os.Args) > 1 && os.Args[1] == inside.Word {
		os.Exit(inside.Run(os.Args[2:]))
	}
	tuneGC()
	root := &cobra.Command{
		Use:           "switchyardd",
		Short:         "Switchyard's daemon: the controller, and the runners of containers",
		Version:       versionOrDevel(),
		SilenceErrors: true,
		SilenceUsage:  true, // an error is one line
	}
	root.CompletionOptions.DisableDefaultCmd = true
	running := false
	for _, cmd := range []*cobra.Command{controllerCommand(), runnerCommand(), adminTokenCommand(), makeSecretCommand()} {
		noteRunning(cmd, &running)
		root.AddCommand(cmd)
	}
	if err := root.Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "switchyardd: %s\n", oneLine(err.Error()))
		os.Exit(exitCode(err, running))
	}
}

func versionOrDevel() string {
	if version == "" {
		return "devel"
	}
	return version
}

// oneLine keeps an error of several parts on the one line that it is promised to have, and escapes what a
// terminal would obey: a controller's answer may be in it.
func oneLine(s string) string {
	s = strings.NewReplacer("\r\n", "; ", "\n", "; ").Replace(strings.TrimSpace(s))
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if part := s[:n]; strconv.IsPrint(r) && (r != utf8.RuneError || n > 1) {
			b.WriteString(part)
		} else {
			quoted := strconv.QuoteToASCII(part)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// tuneGC lets garbage grow to four times what lives. A daemon that carries bytes has little that lives, a few
// megabytes, and makes garbage as fast as traffic comes: at the default of 100 the collector runs
// hundreds of times a second under load, for a saving of some megabytes. GOGC and GOMEMLIMIT in the
// environment decide instead where they are set.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}
