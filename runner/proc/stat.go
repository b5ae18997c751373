// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// Fields of /proc/PID/stat, proc_pid_stat(5), counted from 1 as there.
const (
	fieldState    = 3
	fieldPGRP     = 5
	fieldSession  = 6
	fieldTPGID    = 8
	fieldFlags    = 9
	fieldStart    = 22
	fieldExitCode = 52
)

// stat is what we need of /proc/PID/stat. Ids are as the reader's pid namespace sees them.
type stat struct {
	state    byte // 'Z' is a zombie, 'X' is dead
	group    int
	session  int
	tpgid    int    // foreground process group of its terminal, -1 without one
	start    uint64 // clock ticks after boot
	flags    uint64 // PF_* of the kernel's sched.h
	exitCode int    // wait status; 0 too when we may not see it or the kernel is older than 3.5
}

// dead tells whether the process has exited, though it may not have been reaped.
func (s stat) dead() bool { return s.state == 'Z' || s.state == 'X' }

// flagExiting is PF_EXITING: a thread is on its way out.
const flagExiting = 0x4

// exiting tells whether the process is on its way out. A main thread that has gone, as the stat of a zombie says, may have
// left others that run on.
func (s stat) exiting() bool { return s.flags&flagExiting != 0 && !s.dead() }

// readStat reads a process's stat. The error matches os.ErrProcessDone when it is gone.
func readStat(pid int) (stat, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if gone(err) {
		return stat{}, os.ErrProcessDone
	}
	if err != nil {
		return stat{}, fmt.Errorf("looking at process %d: %w", pid, err)
	}
	s, err := parseStat(b)
	if err != nil {
		return stat{}, fmt.Errorf("reading /proc/%d/stat: %v", pid, err)
	}
	if s.session < 0 {
		// It has just been waited for: the file was opened before, and shows what is left of a process.
		return stat{}, os.ErrProcessDone
	}
	return s, nil
}

var errStat = errors.New("it does not have the form of proc_pid_stat(5)")

func parseStat(b []byte) (stat, error) {
	// The second field is the process's own choice and may hold spaces and parentheses.
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return stat{}, errStat
	}
	f := bytes.Fields(b[end+1:])
	field := func(n int) string {
		if i := n - fieldState; i < len(f) {
			return string(f[i])
		}
		return ""
	}
	s := stat{}
	if st := field(fieldState); len(st) == 1 {
		s.state = st[0]
	}
	var err [4]error
	s.group, err[0] = strconv.Atoi(field(fieldPGRP))
	s.session, err[1] = strconv.Atoi(field(fieldSession))
	s.tpgid, err[2] = strconv.Atoi(field(fieldTPGID))
	s.start, err[3] = strconv.ParseUint(field(fieldStart), 10, 64)
	if s.state == 0 || errors.Join(err[:]...) != nil {
		return stat{}, errStat
	}
	s.flags, _ = strconv.ParseUint(field(fieldFlags), 10, 64)
	s.exitCode, _ = strconv.Atoi(field(fieldExitCode))
	return s, nil
}
