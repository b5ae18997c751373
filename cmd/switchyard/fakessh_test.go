// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// fakeSSH stands for ssh: it writes its argv to the file that ARGV names, runs its ProxyCommand as ssh
// does if RUNPROXY is set, and exits with 7, or what SSHEXIT says.
func fakeSSH() {
	b, _ := json.Marshal(os.Args[1:])
	if err := os.WriteFile(os.Getenv("ARGV"), b, 0o600); err != nil {
		fmt.Println(err)
		os.Exit(99)
	}
	if shell := os.Getenv("RUNPROXY"); shell != "" {
		cmd := exec.Command(shell, "-c", "exec "+strings.ReplaceAll(option(os.Args, "ProxyCommand"), "%%", "%"))
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			os.Exit(98)
		}
	}
	code := 7
	fmt.Sscan(os.Getenv("SSHEXIT"), &code)
	os.Exit(code)
}

// option is the value of a -o option, the first one, which is that which holds.
func option(args []string, name string) string {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, name+"="); ok && args[i-1] == "-o" {
			return v
		}
	}
	return ""
}

// argv option NAME VALUE: ssh was given this option; argv tail ARG...: its last arguments were these;
// argv has ARG...: these stand somewhere, in this order.
func cmdArgv(ts *testscript.TestScript, neg bool, args []string) {
	var argv []string
	text := ts.ReadFile("argv")
	noSecret(ts, text)
	ts.Check(json.Unmarshal([]byte(text), &argv))
	ok := false
	switch args[0] {
	case "option":
		ok = option(argv, args[1]) == args[2]
	case "tail":
		n := len(args) - 1
		ok = len(argv) >= n && slices.Equal(argv[len(argv)-n:], args[1:])
	case "has":
		ok = contains(argv, args[1:])
	default:
		ts.Fatalf("argv %q?", args[0])
	}
	if ok == neg {
		ts.Fatalf("%q: %v in %q", args, ok, argv)
	}
}

func contains(all, some []string) bool {
	for i := range all {
		if len(all[i:]) >= len(some) && slices.Equal(all[i:i+len(some)], some) {
			return true
		}
	}
	return false
}
