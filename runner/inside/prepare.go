// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package inside

import (
	"os"

	"golang.org/x/sys/unix"
)

// prepare makes the process what a login's process should be, and lets go of what started it.
func prepare(as, home string) error {
	// What ps shows: without this it would be the number of a descriptor. It must be before the next.
	_ = os.WriteFile("/proc/self/comm", []byte("switchyard-"+as), 0)
	// Other processes of the login cannot trace this one then (ptrace(2)), nor is a core of it dumped.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	closeProgram()
	if os.Chdir(home) != nil { // as sshd does when there is no home
		return os.Chdir("/")
	}
	return nil
}

// closeProgram closes the descriptor of the program. The program goes on running from the file that it
// was; by hand, the descriptor may be anything else.
func closeProgram() {
	var program, running unix.Stat_t
	if unix.Fstat(ProgramFD, &program) == nil && unix.Stat("/proc/self/exe", &running) == nil &&
		program.Dev == running.Dev && program.Ino == running.Ino {
		unix.Close(ProgramFD)
	}
}
