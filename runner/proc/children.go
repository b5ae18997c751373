// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Dead is a child that has exited and waits to be reaped.
type Dead struct {
	PID     int
	Session int // the id of the session that it belonged to
}

// DeadChildren finds the caller's own children that have exited and wait to be reaped, whichever thread's
// they are, those among them that it has adopted (PR_SET_CHILD_SUBREAPER(2const)). The kernel lists
// children if it was built with CONFIG_PROC_CHILDREN, as all distributions' are; else the error says so.
func DeadChildren() ([]Dead, error) {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	if len(lists) == 0 {
		return nil, fmt.Errorf("this kernel does not list a process's children in /proc")
	}
	var dead []Dead
	for _, list := range lists {
		text, _ := os.ReadFile(list) // its thread may have ended
		for _, field := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				continue
			}
			if s, err := readStat(pid); err == nil && s.dead() {
				dead = append(dead, Dead{PID: pid, Session: s.session})
			}
		}
	}
	return dead, nil
}
