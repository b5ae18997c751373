// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestArgsAreTakenApartAsSSHDoes(t *testing.T) {
	for _, c := range []struct {
		args    string
		options int
	}{
		{"", 0},
		{"uptime", 0},
		{"-v", 1},
		{"-v uptime", 1},
		{"-L 8080:localhost:80", 2},
		{"-L 8080:localhost:80 ls -la", 2},
		{"-L8080:localhost:80 ls -la", 1},
		{"-NL 8080:localhost:80 ls", 2},
		{"-o User=x -tt top -d 1", 3},
		{"-- -v", 0},
		{"-v -- ls", 1},
		{"- x", 0},
		{"-o", 1},
		{"-W host:1 -D 1080 x -y", 4},
	} {
		args := strings.Fields(c.args)
		options, command := splitArgs(args)
		want := slices.DeleteFunc(slices.Clone(args[min(c.options, len(args)):]), func(s string) bool { return s == "--" })
		if len(options) != c.options || !slices.Equal(command, want) {
			t.Errorf("%q: options %q, command %q", c.args, options, command)
		}
	}
}

func TestFixedOptionsStandBeforeTheUsers(t *testing.T) {
	inv := Invocation{
		Self: "/bin/switchyard", HandOver: []string{"--context", "a b"}, Wait: true, WaitLimit: time.Minute,
		KnownHosts: `/h/100% "x"/k`, ContainerID: "id", Host: "web", Login: "root",
		Args: []string{"-o", "StrictHostKeyChecking=no", "-v", "ls", "-la"},
	}
	argv, err := inv.Argv()
	if err != nil {
		t.Fatal(err)
	}
	fixed, mine := slices.Index(argv, "StrictHostKeyChecking=yes"), slices.Index(argv, "StrictHostKeyChecking=no")
	if fixed < 0 || mine < fixed {
		t.Errorf("%q lets the user switch verification off", argv)
	}
	if c := slices.Index(argv, "Ciphers=^aes128-gcm@openssh.com"); hasAES() && c < mine {
		t.Errorf("%q does not let the user choose ciphers", argv)
	}
	for _, want := range []string{
		"ProxyCommand=/bin/switchyard connect --context 'a b' --wait --wait-timeout 1m0s id",
		`UserKnownHostsFile="/h/100%% \"x\"/k"`,
	} {
		if !slices.Contains(argv, want) {
			t.Errorf("%q lacks %q", argv, want)
		}
	}
	if tail := []string{"web", "--", "ls", "-la"}; !slices.Equal(argv[len(argv)-4:], tail) || argv[0] != "ssh" {
		t.Errorf("%q does not end in %q", argv, tail)
	}
}

func TestKnownHostsLineHoldsOneKeyForOnePattern(t *testing.T) {
	const key = "ssh-ed25519 AAAA comment"
	if got, err := KnownHostsLine("*", key); err != nil || got != "@cert-authority * ssh-ed25519 AAAA comment\n" {
		t.Errorf("%q, %v", got, err)
	}
	for _, c := range [][2]string{
		{"*", ""}, {"*", "one"}, {"*", "ssh-ed25519 AAAA \x1b]0;title\a"}, {"*", "ssh-ed25519 AAAA \u202e"}, {"*", key + "\n* ssh-ed25519 BBBB"}, {"*", key + "\r"},
		{"", key}, {"a b", key}, {"a\nb", key}, {"@revoked", key}, {"#x", key},
	} {
		if got, err := KnownHostsLine(c[0], c[1]); err == nil {
			t.Errorf("KnownHostsLine(%q, %q) is %q", c[0], c[1], got)
		}
	}
}

func FuzzSplitArgs(f *testing.F) {
	f.Add("-L 1:a:2 -v ls -la", "x")
	f.Add("--", "-v")
	f.Fuzz(func(t *testing.T, line, last string) {
		args := append(strings.Fields(line), last)
		options, command := splitArgs(args)
		joined := append(slices.Clone(options), command...)
		if i := len(options); i < len(args) && args[i] == "--" {
			joined = slices.Insert(joined, i, "--")
		}
		if !slices.Equal(joined, args) {
			t.Errorf("%q has become %q and %q", args, options, command)
		}
	})
}
