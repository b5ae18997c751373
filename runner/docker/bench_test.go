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
	docker, runtime := open(b, ExecDocker, rig.ContainerSpec{}), open(b, ExecRunc, rig.ContainerSpec{})
	for name, pty := range map[string]*sshd.Pty{"pipes": nil, "terminal": {Term: "vt100"}} {
		b.Run(name+"/docker", func(b *testing.B) { docker.benchmarkExec(b, pty) })
		b.Run(name+"/runc", func(b *testing.B) { runtime.benchmarkExec(b, pty) })
	}
	b.Run("api", func(b *testing.B) {
		for b.Loop() {
			docker.ExecWith(b, client.ExecCreateOptions{Cmd: []string{"/bin/sh", "-c", "true"}}, nil)
		}
	})
	b.Run("command", func(b *testing.B) {
		program, env := rig.NeedTool(b, "docker"), rig.NeedDocker(b).Env()
		for b.Loop() {
			cmd := exec.Command(program, "exec", docker.ID, "/bin/sh", "-c", "true")
			cmd.Env = env
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func (w *world) benchmarkExec(b *testing.B, pty *sshd.Pty) {
	root := w.account(b, "root")
	for b.Loop() {
		p, err := w.target.Start(b.Context(), sshd.Command{Account: root, Line: "true", Pty: pty})
		if err != nil {
			b.Fatal(err)
		}
		finish(b, p)
		p.End()
	}
}

// size is what the throughput benchmarks move, in bytes.
const size = 256 << 20

// The rate at which output reaches its reader.
func BenchmarkOutput(b *testing.B) {
	for _, by := range []Exec{ExecDocker, ExecRunc} {
		b.Run(string(by), func(b *testing.B) {
			w := open(b, by, rig.ContainerSpec{})
			b.SetBytes(size)
			for b.Loop() {
				p := w.start(b, line("head -c 268435456 /dev/zero"))
				if n, err := io.Copy(io.Discard, p.Stdout()); n != size || err != nil {
					b.Fatal(n, err)
				}
				p.End()
			}
		})
	}
}

// The rate at which input reaches the process.
func BenchmarkInput(b *testing.B) {
	for _, by := range []Exec{ExecDocker, ExecRunc} {
		b.Run(string(by), func(b *testing.B) {
			w := open(b, by, rig.ContainerSpec{})
			block := make([]byte, 64<<10)
			b.SetBytes(size)
			for b.Loop() {
				p := w.start(b, line("cat > /dev/null"))
				for range size / len(block) {
					if _, err := p.Stdin().Write(block); err != nil {
						b.Fatal(err)
					}
				}
				_ = p.Stdin().Close()
				finish(b, p)
				p.End()
			}
		})
	}
}
