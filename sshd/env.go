// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"fmt"
	"slices"
	"strings"
)

// maxEnvString is the longest "NAME=value" that Linux's execve takes, less its terminating NUL
// (MAX_ARG_STRLEN, execve(2)). A longer one would fail the start of the process.
const maxEnvString = 128<<10 - 1

// environment collects the variables of a session's env requests (RFC 4254 section 6.4).
type environment struct {
	vars  []string // "NAME=value", each name once, in the order of their first requests
	bytes int      // of vars
}

// add takes one variable, or says why not. A name that is there already gets the new value.
func (e *environment) add(cfg *Config, name, value string) error {
	if err := checkEnv(name, value); err != nil {
		return err
	}
	entry := name + "=" + value
	at := slices.IndexFunc(e.vars, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	bytes := e.bytes + len(entry)
	if at >= 0 {
		bytes -= len(e.vars[at])
	}
	if bytes > cfg.MaxEnvVarBytes {
		return fmt.Errorf("the variable %s makes %d bytes of environment: %d is the most", quote(name), bytes, cfg.MaxEnvVarBytes)
	}
	if at < 0 && len(e.vars) >= cfg.MaxEnvVars {
		return fmt.Errorf("the variable %s is one too many: %d is the most", quote(name), cfg.MaxEnvVars)
	}
	e.bytes = bytes
	if at >= 0 {
		e.vars[at] = entry
	} else {
		e.vars = append(e.vars, entry)
	}
	return nil
}

// checkEnv tells whether a client may set the variable.
func checkEnv(name, value string) error {
	if !isEnvName(name) {
		return fmt.Errorf("%s is not the name of an environment variable: use letters, digits and _", quote(name))
	}
	if isDeniedEnv(name) {
		return fmt.Errorf("the variable %s may not be set from outside", quote(name))
	}
	if strings.IndexByte(value, 0) >= 0 {
		return fmt.Errorf("the value of %s has a NUL byte", quote(name))
	}
	if n := len(name) + 1 + len(value); n > maxEnvString {
		return fmt.Errorf("the variable %s has %d bytes with its value: %d is the most", quote(name), n, maxEnvString)
	}
	return nil
}

// isEnvName tells names of the form that POSIX gives to names in the shell (XBD section 3.216). Others
// cannot be used from a shell, and some have been used against one: bash took functions from names such
// as BASH_FUNC_x%% (CVE-2014-6271).
func isEnvName(name string) bool {
	for i := range len(name) {
		b := name[i]
		letter := b == '_' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
		if !letter && (i == 0 || b < '0' || b > '9') {
			return false
		}
	}
	return name != ""
}

// deniedEnvPrefixes are families of names that no client sets.
var deniedEnvPrefixes = []string{
	"LD_",   // the dynamic linker's, ld.so(8): code of the client's choice in every program
	"_RLD",  // the same of other systems, as sudoers(5) lists it
	"DYLD_", // the same of macOS, dyld(1)
	"SSH_",  // what this server itself says: SSH_CONNECTION, SSH_TTY, SSH_ORIGINAL_COMMAND, SSH_AUTH_SOCK
	"SWITCHYARD_",
}

// deniedEnv are the names that no client sets. A client that may run any command can set them inside
// its command; they are refused because they act before it, in the login's shell, in the C library of
// whatever starts that shell, or in a grant that allows less than any command. The first two groups are
// what ld.so(8) drops in secure-execution mode and what sudoers(5) drops by default.
var deniedEnv = []string{
	// The C library: files it opens, code it loads, memory it lays out (GLIBC_TUNABLES: CVE-2023-4911).
	"GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH", "MALLOC_TRACE",
	"NIS_PATH", "NLSPATH", "RESOLV_HOST_CONF", "RES_OPTIONS", "TZDIR",
	// The shell that the command runs through: files it sources, options, how it splits words and finds
	// programs.
	"BASHOPTS", "BASH_ENV", "CDPATH", "ENV", "FPATH", "GLOBIGNORE", "IFS", "NULLCMD", "PS4", "READNULLCMD",
	"SHELLOPTS", "ZDOTDIR",
	// The account's, which the target knows and the client does not. OpenSSH's server overrides them, too.
	"HOME", "LOGNAME", "MAIL", "PATH", "SHELL", "USER",
}

func isDeniedEnv(name string) bool {
	if slices.Contains(deniedEnv, name) {
		return true
	}
	return slices.ContainsFunc(deniedEnvPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}
