// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"strings"

	"golang.org/x/sys/cpu"
)

// option is a keyword of ssh_config(5) and its value as the file has it. A command line has the same
// behind -o.
type option struct{ name, value string }

// required are the options that the way to a container and the verification of its host key rest on. ssh
// takes the first value that it is given for an option: they stand before everything else. believed
// says where ssh learns which host keys are right.
func required(proxy, hostName string, believed ...option) []option {
	route := []option{
		{"ProxyCommand", proxy},
		{"ProxyUseFdpass", "no"},
		{"HostName", hostName},
		{"CanonicalizeHostname", "no"},
	}
	return append(append(route, believed...), strict()...)
}

// strict are the required options that are always the same.
func strict() []option {
	return []option{
		{"GlobalKnownHostsFile", "/dev/null"},
		{"StrictHostKeyChecking", "yes"},
		{"HostKeyAlgorithms", strings.Join(certificates, ",")},
		{"VerifyHostKeyDNS", "no"},
		{"UpdateHostKeys", "no"}, // the authority's line is all that the file is to hold
		{"CheckHostIP", "no"},
		// The controller has authenticated the user by her token: no key of hers is offered to a
		// container, no password asked for.
		{"PreferredAuthentications", "none"},
		{"PubkeyAuthentication", "no"},
		{"PasswordAuthentication", "no"},
		{"KbdInteractiveAuthentication", "no"},
	}
}

// certificates are the kinds of host key that are believed. A key without a certificate is none of the
// controller's, whatever else a user's configuration says of it.
var certificates = []string{
	"ssh-ed25519-cert-v01@openssh.com",
	"ecdsa-sha2-nistp256-cert-v01@openssh.com",
	"ecdsa-sha2-nistp384-cert-v01@openssh.com",
	"ecdsa-sha2-nistp521-cert-v01@openssh.com",
	"rsa-sha2-512-cert-v01@openssh.com",
	"rsa-sha2-256-cert-v01@openssh.com",
}

// preferred are the options that only make things better.
func preferred() []option {
	if !hasAES() {
		return nil
	}
	// OpenSSH before 10.0 prefers chacha20-poly1305, which costs twice where the processor has AES.
	return []option{{"Ciphers", "^aes128-gcm@openssh.com"}}
}

func hasAES() bool { return cpu.X86.HasAES || cpu.ARM64.HasAES }

// arguments renders options for a command line.
func arguments(options []option) []string {
	var args []string
	for _, o := range options {
		args = append(args, "-o", o.name+"="+o.value)
	}
	return args
}
