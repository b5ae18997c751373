// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package child

import (
	"bytes"
	"math"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// StartClean sees to it that children do not get what this process happened to be started with. From then on it
// catches and drops the signals that it was started to ignore, as by nohup, and the descriptors that it was
// started with end with execve(2).
var StartClean = sync.OnceFunc(func() {
	restoreSignals()
	keepDescriptors()
})

// keepDescriptors marks every descriptor that we were started with, by a supervisor perhaps, so that it
// ends with execve(2). What Go opens is marked already. It takes Linux 5.11.
func keepDescriptors() {
	const first = 3 // after standard error
	unix.CloseRange(first, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}

// restoreSignals makes children start with every signal at its default. A process started by nohup, or in
// the background of a script, ignores SIGHUP or SIGINT, which its children inherit: Ctrl-C would do
// nothing in a session, and all of them would look as if detached on purpose. A signal that is caught,
// though by nobody in particular, is set to its default by execve(2).
func restoreSignals() {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return
	}
	dropped := make(chan os.Signal, 1)
	for _, sig := range ignored(status) {
		signal.Notify(dropped, sig)
	}
}

// ignored finds the ignored signals in /proc/PID/status, proc_pid_status(5): bit 0 is signal 1.
func ignored(status []byte) (sigs []syscall.Signal) {
	for line := range bytes.Lines(status) {
		v, ok := bytes.CutPrefix(line, []byte("SigIgn:"))
		if !ok {
			continue
		}
		set, _ := strconv.ParseUint(string(bytes.TrimSpace(v)), 16, 64)
		for n := range 64 {
			if set&(1<<n) != 0 {
				sigs = append(sigs, syscall.Signal(n+1))
			}
		}
	}
	return sigs
}
