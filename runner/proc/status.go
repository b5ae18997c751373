// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// ignoresHangup tells whether a process ignores SIGHUP, as nohup(1) makes it do. One that we cannot
// look at counts as not ignoring it.
func ignoresHangup(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	return err == nil && parseIgnored(b)&(1<<(unix.SIGHUP-1)) != 0
}

// parseIgnored finds the set of ignored signals in /proc/PID/status, proc_pid_status(5). Bit 0 is
// signal 1. Without the line the set is empty.
func parseIgnored(b []byte) uint64 {
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte("SigIgn:")); ok {
			set, err := strconv.ParseUint(string(bytes.TrimSpace(v)), 16, 64)
			if err != nil {
				return 0
			}
			return set
		}
	}
	return 0
}

// gone tells whether a file below /proc/PID could not be read because the process is gone: at the
// opening, or between opening and reading.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) }
