// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// A unix socket serves the client and the runner as the port does.
func TestEverythingWorksOverAUnixSocket(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	dir, err := os.MkdirTemp("", "swy-") // a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	url := "unix://" + filepath.Join(dir, "s")
	w := world.New(t, world.Options{ControllerArgs: []string{"--listen", url}})
	w.Run(t, "web", world.ContainerOptions{RunnerArgs: []string{"--controller", url}})
	if info, err := os.Stat(filepath.Join(dir, "s")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info, err)
	}
	c := w.SSHCommand(t, "root@web", "echo over a socket")
	token, err := os.ReadFile(filepath.Join(w.DataDir(), "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	c.Env = append(c.Env, "SWITCHYARD_URL="+url, "SWITCHYARD_TOKEN="+strings.TrimSpace(string(token)))
	if r := world.Finish(t, c); r.Stdout != "over a socket\n" || r.Code != 0 {
		t.Errorf("stdout %q, exit code %d, stderr %q", r.Stdout, r.Code, r.Stderr)
	}
}
