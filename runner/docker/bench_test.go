// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"io"
	"os/exec"
	"testing"

	"github.com/moby/moby/client"

	"switchyard/sshd"
	"switchyard/test/rig"
)

// The cost of a session's process beside that of docker exec by the API alone
// and by its command line, in one run.
func BenchmarkExec(b *testing.B) {
	w := open(b, rig.ContainerSpec{})
	engine := rig.NeedDocker(b)
	root := w.account(b, "root")
	b.Run("target", func(b *testing.B) {
		for b.Loop() {
			p, err := w.target.Start(b.Context(), sshd.Command{Account: root, Line: "true"})
			if err != nil {
				b.Fatal(err)
			}
			finish(b, p)
			p.End()
		}
	})
	b.Run("terminal", func(b *testing.B) {
		for b.Loop() {
			p, err := w.target.Start(b.Context(), sshd.Command{Account: root, Line: "true", Pty: &sshd.Pty{Term: "vt100"}})
			if err != nil {
				b.Fatal(err)
			}
			finish(b, p)
			p.End()
		}
	})
	b.Run("api", func(b *testing.B) {
		for b.Loop() {
			w.ExecWith(b, client.ExecCreateOptions{Cmd: []string{"/bin/sh", "-c", "true"}}, nil)
		}
	})
	b.Run("docker", func(b *testing.B) {
		docker := rig.NeedTool(b, "docker")
		for b.Loop() {
			cmd := exec.Command(docker, "exec", w.ID, "/bin/sh", "-c", "true")
			cmd.Env = engine.Env()
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The rate at which output reaches its reader.
func BenchmarkOutput(b *testing.B) {
	w := open(b, rig.ContainerSpec{})
	const size = 256 << 20
	b.SetBytes(size)
	for b.Loop() {
		p := w.start(b, line("head -c 268435456 /dev/zero"))
		if n, err := io.Copy(io.Discard, p.Stdout()); n != size || err != nil {
			b.Fatal(n, err)
		}
		p.End()
	}
}
