// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestMain(m *testing.M) {
	code := rig.VerifyNoLeaks(m)
	world.Cleanup()
	os.Exit(code)
}

// cipher is what both sides speak, so that none wins by a weaker one.
const cipher = "aes128-gcm@openssh.com"

// yard is one world with one container, and what it is compared with.
type yard struct {
	*world.World
	web   *world.Container
	plain *rig.SSHServer
}

// newYard starts a container of this machine's own programs, so that both sides run the same ones.
func newYard(b *testing.B) *yard {
	b.Helper()
	w := world.New(b, world.Options{})
	web := w.Run(b, "web", world.ContainerOptions{Spec: rig.ContainerSpec{Image: rig.Debian}})
	return &yard{w, web, rig.Sshd(b, rig.SshdOptions{})}
}

// ours is ssh through the chain.
func (y *yard) ours(b *testing.B, line string) *exec.Cmd {
	return y.SSHCommand(b, "-c", cipher, "root@web", line)
}

// sshd is ssh to the plain server.
func (y *yard) sshd(b *testing.B, line string) *exec.Cmd {
	c := exec.Command(rig.NeedSSH(b), append([]string{"-c", cipher}, append(y.plain.ClientArgs(), line)...)...)
	c.Env = y.Env()
	return c
}

// docker is docker exec in the same container.
func (y *yard) docker(b *testing.B, args ...string) *exec.Cmd {
	c := exec.Command(rig.NeedTool(b, "docker"), append([]string{"exec", "-i", y.web.Container.ID}, args...)...)
	c.Env = append(y.Env(), "DOCKER_HOST="+rig.NeedDocker(b).Host())
	return c
}

// timed runs a command to its end and returns how long that took.
func timed(b *testing.B, c *exec.Cmd) time.Duration {
	b.Helper()
	start := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("%q: %v: %s", c.Args, err, out)
	}
	return time.Since(start)
}

func median(d []time.Duration) time.Duration { return percentile(d, 50) }

func percentile(d []time.Duration, p int) time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[min(len(d)*p/100, len(d)-1)]
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
