// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"switchyard/api"
)

// Invocation is one run of ssh.
type Invocation struct {
	Self       string   // the path of the switchyard program
	HandOver   []string // flags of its connect that select the same controller
	Wait       bool     // have connect wait for a queued container
	WaitLimit  time.Duration
	KnownHosts string // the file with the host authority

	ContainerID api.ContainerID
	Host        string // what the user calls the container; Host and Match blocks of her ssh_config see it
	Login       string // empty: ssh's own choice

	// Args is what the user wrote after the container: options of ssh, then a command.
	Args []string
}

// Argv returns the command line, ssh's own name first. ssh takes the first value that it is given for
// an option: what the verification of the host rests on therefore stands before the user's options,
// what is only a better default behind them.
func (i Invocation) Argv() ([]string, error) {
	proxy, err := i.proxyCommand(runtime.GOOS)
	if err != nil {
		return nil, err
	}
	known, err := quoteOption(i.KnownHosts, runtime.GOOS)
	if err != nil {
		return nil, err
	}
	options, command := splitArgs(i.Args)
	id := string(i.ContainerID)
	// The host's name is the container's id, whatever the user calls it: ControlPath and %h then
	// tell containers of the same name in two projects or installations apart.
	argv := append([]string{"ssh"}, arguments(required(proxy, id, option{"HostKeyAlias", id}, option{"UserKnownHostsFile", known}))...)
	if i.Login != "" {
		argv = append(argv, "-l", i.Login)
	}
	argv = append(argv, options...)
	argv = append(argv, arguments(preferred())...)
	argv = append(argv, i.Host)
	if len(command) > 0 {
		// Without it, ssh would look for more options in the command.
		argv = append(argv, "--")
	}
	return append(argv, command...), nil
}

// proxyCommand names the container by its id, so that it is the one that was asked about.
func (i Invocation) proxyCommand(goos string) (string, error) {
	words := append([]string{i.Self, "connect"}, i.HandOver...)
	if i.Wait {
		words = append(words, "--wait", "--wait-timeout", i.WaitLimit.String())
	}
	return commandLine(append(words, string(i.ContainerID)), goos)
}

// KnownHostsLine is the content of a known_hosts file that believes this host authority, for hosts that
// fit the pattern (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
func KnownHostsLine(pattern, authority string) (string, error) {
	if f := strings.Fields(authority); len(f) < 2 || strings.ContainsFunc(authority, notInKeyLine) {
		return "", fmt.Errorf("the controller's host authority is not a public key: %.80q", authority)
	}
	if pattern == "" || strings.ContainsAny(pattern, " \t\r\n#") || strings.HasPrefix(pattern, "@") {
		return "", fmt.Errorf("the pattern %q is none of known_hosts: write one such as *.switchyard", pattern)
	}
	return fmt.Sprintf("@cert-authority %s %s\n", pattern, authority), nil
}

// notInKeyLine tells what no line of a key has: line breaks would begin another one, and the line may go to a
// terminal.
func notInKeyLine(r rune) bool { return r < ' ' || r > '~' }
