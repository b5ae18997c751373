// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestByDockerExecAloneSFTPIsTheImagesOrASentence(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{
		Spec: rig.ContainerSpec{Image: rig.Debian}, RunnerArgs: []string{"--exec", "docker"},
	})
	const server = "/usr/lib/openssh/sftp-server"
	program, err := os.ReadFile(rig.NeedTool(t, server))
	if err != nil {
		t.Fatal(err)
	}
	web.Shell(t, "rm -f "+server+" /usr/lib/sftp-server")
	c := sshTool(t, w, "sftp", "-b", "-", "alice@web")
	r := world.Finish(t, c)
	first, _, _ := strings.Cut(r.Stderr, "\n")
	if r.Code == 0 || !strings.Contains(first, "has no sftp") || !strings.Contains(first, "--exec runc") {
		t.Errorf("without any: exit code %d, stderr %q", r.Code, r.Stderr)
	}
	web.Shell(t, "mkdir -p "+filepath.Dir(server))
	inside := "/proc/" + strconv.Itoa(web.PID(t)) + "/root"
	if err := os.WriteFile(inside+server, program, 0o755); err != nil {
		t.Fatal(err)
	}
	file, want := randomFile(t, 3<<20)
	back := filepath.Join(t.TempDir(), "back")
	copyBack(t, w, "alice", "/home/alice", file, back)
	expectSame(t, back, want)
}
