// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// statFields returns the fields of /proc/PID/stat from the third on, state and
// parent first. The second is the command in parentheses, which may itself hold
// blanks and parentheses (proc_pid_stat(5)).
func statFields(stat []byte) [][]byte {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return nil
	}
	return bytes.Fields(stat[end+1:])
}

// state is a process's state; 0 when it is gone.
func state(stat *os.File) byte {
	var buffer [1024]byte
	n, _ := stat.ReadAt(buffer[:], 0)
	if fields := statFields(buffer[:n]); len(fields) > 0 {
		return fields[0][0]
	}
	return 0
}

// runs says whether a process has not exited yet.
func runs(pid int) bool {
	stat, err := os.Open(procPath(pid, "stat"))
	if err != nil {
		return false
	}
	defer stat.Close()
	s := state(stat)
	return s != 0 && s != 'Z' && s != 'X'
}

// parent is the number of a process's parent.
func parent(pid int) (int, error) {
	path := procPath(pid, "stat")
	stat, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	fields := statFields(stat)
	if len(fields) < 2 {
		return 0, fmt.Errorf("reading %q: too few fields", path)
	}
	return strconv.Atoi(string(fields[1]))
}

func procPath(pid int, file string) string { return "/proc/" + strconv.Itoa(pid) + "/" + file }
