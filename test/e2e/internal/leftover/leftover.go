// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package leftover

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/runner/cgroup/cgrouptest"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// Processes is how many processes a container of Reaping and Served has by itself.
const Processes = 2

// Served is a container whose first process waits for the orphans that fall to it, with a runner's flags added. One that
// does not wait keeps every orphan as a zombie, whoever started it.
func Served(runnerArgs ...string) world.ContainerOptions {
	return world.ContainerOptions{
		Spec:       rig.ContainerSpec{Cmd: []string{"sh", "-c", "sleep 1000000 & wait"}},
		RunnerArgs: append([]string{"--grace", "500ms"}, runnerArgs...),
	}
}

// None waits until nothing of any session is in the container, on its engine or among its cgroups.
func None(t *testing.T, web *world.Container) {
	t.Helper()
	But(t, web, 0)
}

// But is None, for that many processes that stay.
func But(t *testing.T, web *world.Container, stay int) {
	t.Helper()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		left, execs, groups := web.Processes(t), web.Execs(t), Groups(web)
		return len(left) == Processes+stay && len(execs) == 0 && len(groups) == 0,
			fmt.Sprintf("%s: processes %v, exec instances %v, cgroups %q", web.Name, left, execs, groups)
	})
}

// NoProcess waits until no process of any session is in the container. What only a runner clears up may be there.
func NoProcess(t *testing.T, web *world.Container) {
	t.Helper()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		left, execs := web.Processes(t), web.Execs(t)
		return len(left) == Processes && len(execs) == 0, fmt.Sprintf("%s: processes %v, exec instances %v", web.Name, left, execs)
	})
}

// Groups are the cgroups of the container's sessions.
func Groups(web *world.Container) (dirs []string) {
	for _, dir := range cgrouptest.Groups(web.Container.ID) {
		if !strings.HasSuffix(dir, "-detached") {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// Recovered waits until nothing is left of the records of runners that were killed. That is the last thing that the
// next runner does for them: it is not done when their processes have gone.
func Recovered(t *testing.T, web *world.Container, killed ...int) {
	t.Helper()
	for _, pid := range killed {
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			files, _ := filepath.Glob(fmt.Sprintf("/run/switchyard-sessions-%s/%d-*", web.Container.ID, pid))
			return len(files) == 0, fmt.Sprintf("files of the killed runner are left: %q", files)
		})
	}
}

// NoFiles fails where a runner that has ended left files.
func NoFiles(t *testing.T, web *world.Container) {
	t.Helper()
	for _, pattern := range []string{"/run/switchyard-sessions-" + web.Container.ID + "*", fmt.Sprintf("/run/switchyard-exec-%d-*", web.Runner.PID())} {
		if files, _ := filepath.Glob(pattern); len(files) > 0 {
			t.Errorf("files are left: %q", files)
		}
	}
}
