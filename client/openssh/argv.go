// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/cpu"

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
	known, err := quoteOption(i.KnownHosts)
	if err != nil {
		return nil, err
	}
	options, command := splitArgs(i.Args)
	argv := []string{"ssh"}
	argv = append(argv, fixedOptions(string(i.ContainerID), proxy, known)...)
	if i.Login != "" {
		argv = append(argv, "-l", i.Login)
	}
	argv = append(argv, options...)
	argv = append(argv, defaultOptions()...)
	argv = append(argv, i.Host)
	if len(command) > 0 {
		// Without it, ssh would look for more options in the command.
		argv = append(argv, "--")
	}
	return append(argv, command...), nil
}

// fixedOptions cannot be overridden.
func fixedOptions(id, proxy, known string) []string {
	return options(
		"ProxyCommand="+proxy,
		"ProxyUseFdpass=no",
		// The host's name is the container's id, whatever the user calls it: ControlPath and %h then
		// tell containers of the same name in two projects or installations apart.
		"HostName="+id,
		"HostKeyAlias="+id,
		"UserKnownHostsFile="+known,
		"GlobalKnownHostsFile=/dev/null",
		"StrictHostKeyChecking=yes",
		"VerifyHostKeyDNS=no",
		"UpdateHostKeys=no", // the authority's line is all that the file is to hold
		"CheckHostIP=no",
		// The controller has authenticated the user by her token: no key of hers is offered to a
		// container, no password asked for.
		"PreferredAuthentications=none",
		"PubkeyAuthentication=no",
		"PasswordAuthentication=no",
		"KbdInteractiveAuthentication=no",
	)
}

// defaultOptions give way to the user's.
func defaultOptions() []string {
	if !hasAES() {
		return nil
	}
	// OpenSSH before 10.0 prefers chacha20-poly1305, which costs twice where the processor has AES.
	return options("Ciphers=^aes128-gcm@openssh.com")
}

func hasAES() bool { return cpu.X86.HasAES || cpu.ARM64.HasAES }

func options(values ...string) []string {
	var args []string
	for _, v := range values {
		args = append(args, "-o", v)
	}
	return args
}

// proxyCommand is a line for the user's shell, in which ssh expands % first. The container is named
// by its id, so that it is the one that was asked about.
func (i Invocation) proxyCommand(goos string) (string, error) {
	words := append([]string{i.Self, "connect"}, i.HandOver...)
	if i.Wait {
		words = append(words, "--wait", "--wait-timeout", i.WaitLimit.String())
	}
	words = append(words, string(i.ContainerID))
	var quoted []string
	for _, w := range words {
		q, err := quoteWord(w, goos)
		if err != nil {
			return "", err
		}
		quoted = append(quoted, strings.ReplaceAll(q, "%", "%%"))
	}
	return strings.Join(quoted, " "), nil
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
