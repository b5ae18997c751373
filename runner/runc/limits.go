// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// limitNames are the resources of setrlimit(2): OCI's names by those of /proc/PID/limits (proc_pid_limits(5)).
var limitNames = map[string]string{
	"Max cpu time": "RLIMIT_CPU", "Max file size": "RLIMIT_FSIZE", "Max data size": "RLIMIT_DATA",
	"Max stack size": "RLIMIT_STACK", "Max core file size": "RLIMIT_CORE", "Max resident set": "RLIMIT_RSS",
	"Max processes": "RLIMIT_NPROC", "Max open files": "RLIMIT_NOFILE", "Max locked memory": "RLIMIT_MEMLOCK",
	"Max address space": "RLIMIT_AS", "Max file locks": "RLIMIT_LOCKS", "Max pending signals": "RLIMIT_SIGPENDING",
	"Max msgqueue size": "RLIMIT_MSGQUEUE", "Max nice priority": "RLIMIT_NICE",
	"Max realtime priority": "RLIMIT_RTPRIO", "Max realtime timeout": "RLIMIT_RTTIME",
}

// limit is one limit in an OCI configuration.
type limit struct {
	Type string `json:"type"`
	Hard uint64 `json:"hard"`
	Soft uint64 `json:"soft"`
}

// inherit adds the limits that the container's configuration leaves to inheritance, where those of Docker's
// daemons, which the main process has, are others than ours. The error says that a limit cannot be raised
// to theirs.
func (t template) inherit(main int) error {
	var all []limit
	if raw := t.fields["rlimits"]; raw != nil {
		if err := json.Unmarshal(raw, &all); err != nil {
			return fmt.Errorf("the limits in the container's configuration: %v", err)
		}
	}
	theirs, err := readLimits(procFile(main, "limits"))
	if err != nil {
		return err
	}
	ours, err := readLimits("/proc/self/limits")
	if err != nil {
		return err
	}
	for name, l := range theirs {
		set := slices.ContainsFunc(all, func(other limit) bool { return other.Type == name })
		if set || l == ours[name] {
			continue
		}
		if l.Hard > ours[name].Hard && !mayRaise() {
			return fmt.Errorf("this runner may not raise its limit %s to Docker's: raise it where the runner is started", name)
		}
		all = append(all, l)
	}
	if len(all) == 0 {
		return nil
	}
	t.fields["rlimits"], err = json.Marshal(all)
	return err
}

// readLimits reads a /proc/PID/limits: a name of 25 columns, the soft and the hard limit, and a unit that some
// have not.
func readLimits(file string) (map[string]limit, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	all := map[string]limit{}
	for line := range bytes.Lines(text) {
		const columns = 25
		if len(line) <= columns {
			continue
		}
		name, ok := limitNames[strings.TrimSpace(string(line[:columns]))]
		values := strings.Fields(string(line[columns:]))
		if !ok || len(values) < 2 {
			continue
		}
		soft, softErr := parseLimit(values[0])
		hard, hardErr := parseLimit(values[1])
		if softErr == nil && hardErr == nil {
			all[name] = limit{Type: name, Soft: soft, Hard: hard}
		}
	}
	return all, nil
}

func parseLimit(s string) (uint64, error) {
	if s == "unlimited" {
		return math.MaxUint64, nil
	}
	return strconv.ParseUint(s, 10, 64)
}

// mayRaise tells whether this process may raise hard limits.
func mayRaise() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	effective, _ := strconv.ParseUint(statusField(status, "CapEff"), 16, 64)
	return effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}
