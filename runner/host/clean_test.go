// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"os/exec"
	"testing"
)

// What this package promises of a child is tried again in a program that was started as carelessly as can be.
func TestWhatWeWereStartedWithStaysOutOfSessions(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const tests = "^(TestTheProcessIgnoresNoSignalAndBlocksNone|TestNoDescriptorOfOursReachesTheProcess|TestControlCharactersSignalTheForegroundJob)$"
	cmd := exec.Command("/bin/sh", "-c", "trap '' HUP INT QUIT TSTP; exec \"$0\" -test.run=\"$1\"", self, tests)
	cmd.ExtraFiles = []*os.File{os.Stderr, os.Stderr} // descriptors 3 and 4, open across execve
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("started with ignored signals and open descriptors: %v\n%s", err, out)
	}
}
