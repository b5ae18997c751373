// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// traces are what forwards, agents, displays and sftp have in a container while they are used.
type traces struct {
	helpers   []rig.Process // our own program, which has the sockets or speaks SFTP
	files     []string      // sockets, directories and X authority files
	listeners []string      // of proc_pid_net(5): ports, and sockets by their paths
}

func (x traces) String() string {
	return fmt.Sprintf("helpers %v, files %q, listeners %q", x.helpers, x.files, x.listeners)
}

func (x traces) none() bool { return len(x.helpers)+len(x.files)+len(x.listeners) == 0 }

// traces looks from outside: what runs in the container would be a process of its own.
func (c *soaked) traces(t *testing.T) (x traces) {
	t.Helper()
	for _, p := range c.Processes(t) {
		if isHelper(p) {
			x.helpers = append(x.helpers, p)
		}
	}
	main := fmt.Sprintf("/proc/%d/", c.PID(t))
	for _, dir := range []string{"tmp", "var/tmp", "dev/shm"} {
		found, _ := filepath.Glob(main + "root/" + dir + "/*")
		x.files = append(x.files, slices.DeleteFunc(found, func(f string) bool { return filepath.Base(f) == "upload" })...)
	}
	for file, listening := range map[string]func(field []string) bool{
		"net/tcp":  func(f []string) bool { return f[3] == "0A" },
		"net/tcp6": func(f []string) bool { return f[3] == "0A" },
		"net/unix": func(f []string) bool { return len(f) > 7 },
	} {
		text, err := os.ReadFile(main + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
			if listening(strings.Fields(line)) {
				x.listeners = append(x.listeners, line)
			}
		}
	}
	return x
}

// hasNoTraces waits until the container has no traces of anything that served a session.
func (c *soaked) hasNoTraces(t *testing.T) {
	t.Helper()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		x := c.traces(t)
		return x.none(), fmt.Sprintf("%s: %v", c.Name, x)
	})
}

// isHelper tells our own program by its arguments (package inside).
func isHelper(p rig.Process) bool { return len(p.Args) > 1 && p.Args[1] == "inside" }
