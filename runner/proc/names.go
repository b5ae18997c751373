// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// names are the signals of RFC 4254 section 6.10.
var names = map[string]syscall.Signal{
	"ABRT": unix.SIGABRT, "ALRM": unix.SIGALRM, "FPE": unix.SIGFPE, "HUP": unix.SIGHUP,
	"ILL": unix.SIGILL, "INT": unix.SIGINT, "KILL": unix.SIGKILL, "PIPE": unix.SIGPIPE,
	"QUIT": unix.SIGQUIT, "SEGV": unix.SIGSEGV, "TERM": unix.SIGTERM, "USR1": unix.SIGUSR1, "USR2": unix.SIGUSR2,
}

// domain ends the names of signals that RFC 4254 section 6.10 does not list; sshd uses it too.
const domain = "@openssh.com"

// SignalNumber finds a signal by the name that SSH uses: one of RFC 4254 section 6.10, or any other of
// this system as SignalName gives it. The error quotes the name.
func SignalNumber(name string) (syscall.Signal, error) {
	if sig, ok := names[name]; ok {
		return sig, nil
	}
	if plain, ok := strings.CutSuffix(name, domain); ok {
		if sig := unix.SignalNum("SIG" + plain); sig != 0 {
			return sig, nil
		}
	}
	return 0, fmt.Errorf("there is no signal %.40q here", name)
}

// SignalName returns the name that SSH uses: "TERM", or "BUS@openssh.com" for a signal without a name
// in RFC 4254 section 6.10. A signal without any name, such as a real-time one, has its number for one.
func SignalName(sig syscall.Signal) string {
	plain := strings.TrimPrefix(unix.SignalName(sig), "SIG")
	if _, ok := names[plain]; ok {
		return plain
	}
	if plain == "" {
		plain = fmt.Sprintf("SIG%d", int(sig))
	}
	return plain + domain
}
