// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package leftover

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

// Upload is the base name of a file that tests leave in /tmp, and that is not among Traces.
const Upload = "upload"

// Traces are what forwards, agents, displays and sftp have in a container while they are used. A container of Served has
// none of its own.
type Traces struct {
	Helpers   []rig.Process // our own program, which has the sockets or speaks SFTP
	Files     []string      // sockets, directories and X authority files
	Listeners []string      // of proc_pid_net(5): ports, and sockets by their paths
}

func (x Traces) String() string {
	return fmt.Sprintf("helpers %v, files %q, listeners %q", x.Helpers, x.Files, x.Listeners)
}

// None tells whether there are none.
func (x Traces) None() bool { return len(x.Helpers)+len(x.Files)+len(x.Listeners) == 0 }

// TracesIn looks from outside: what runs in the container would be a process of its own.
func TracesIn(t *testing.T, web *world.Container) (x Traces) {
	t.Helper()
	for _, p := range web.Processes(t) {
		if isHelper(p) {
			x.Helpers = append(x.Helpers, p)
		}
	}
	main := fmt.Sprintf("/proc/%d/", web.PID(t))
	for _, dir := range []string{"tmp", "var/tmp", "dev/shm"} {
		found, _ := filepath.Glob(main + "root/" + dir + "/*")
		x.Files = append(x.Files, slices.DeleteFunc(found, func(f string) bool { return filepath.Base(f) == Upload })...)
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
				x.Listeners = append(x.Listeners, line)
			}
		}
	}
	return x
}

// NoTraces waits until the container has no traces of anything that served a session.
func NoTraces(t *testing.T, web *world.Container) {
	t.Helper()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		x := TracesIn(t, web)
		return x.None(), fmt.Sprintf("%s: %v", web.Name, x)
	})
}

// isHelper tells our own program by its arguments (package inside).
func isHelper(p rig.Process) bool { return len(p.Args) > 1 && p.Args[1] == "inside" }
