// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sessions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"switchyard/runner/cgroup"
)

// record is what the next runner must know of a session to end it.
type record struct {
	Boot string `json:"boot"` // the machine's boot that PID and Start are of
	// PID and Start are the leader's; both are 0 as long as it is not known whether there is one.
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
	// Cgroup is the name of the session's; empty: it has none.
	Cgroup string `json:"cgroup,omitempty"`
	// Instance is that of docker exec.
	Instance string `json:"instance,omitempty"`
}

// bootID tells the machine's boots apart, random(4).
func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return string(bytes.TrimSpace(id))
}

func (r record) write(file string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return writeWhole(file, text)
}

// writeWhole writes a file so that a reader finds the whole, or what was there before.
func writeWhole(file string, text []byte) error {
	err := os.WriteFile(file+unfinished, text, 0o600)
	if err == nil {
		err = os.Rename(file+unfinished, file)
	}
	if err != nil {
		os.Remove(file + unfinished)
	}
	return err
}

// unfinished ends the name of a file that is being written.
const unfinished = "~"

// readRecords reads the records of an owner by their files, but for those of another boot.
func readRecords(dir string) map[string]record {
	all := map[string]record{}
	files, _ := filepath.Glob(filepath.Join(dir, "*[0-9]"))
	boot := bootID()
	for _, file := range files {
		var r record
		text, err := os.ReadFile(file)
		if err == nil && json.Unmarshal(text, &r) == nil && r.Boot == boot {
			all[file] = r
		}
	}
	return all
}

// groupName is that of a session's cgroup.
func groupName(o owner, number uint64) string {
	return fmt.Sprintf("%s%s%s-%d", cgroup.Prefix, sessionInfix, o, number)
}

// Names of cgroups of ours: a session's has the infix, its owner and a number behind the prefix.
const (
	sessionInfix = "session-"
	// Detached is the name of the cgroup of what nobody ends any more.
	Detached = cgroup.Prefix + "detached"
)
