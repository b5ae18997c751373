// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestInputIsCarriedWhateverTheCommandDoesWithIt(t *testing.T) {
	t.Parallel()
	eachWay(t, world.ContainerOptions{},
		promise{"100 MB arrive whole", largeInput},
		promise{"100 MB come back whole while they are still sent", largeEcho},
		promise{"a command that reads one byte of an endless input ends as it wants", partlyReadInput},
		promise{"a command that closes its input runs on", closedInput},
		promise{"a command that reads nothing runs to its end while the client sends without end", unreadInput},
		promise{"an input that is never closed holds no command up", neverClosedInput},
		promise{"ssh -n gives the command an empty input", noInput},
		promise{"an input that ends lets the command go on", endedInput},
		promise{"yes | head -1 inside prints one line", yesHeadInside},
		promise{"yes inside, head -1 at home, ends both", yesHeadAtHome},
	)
}

// randomBytes is a reader of that many bytes, the same for the same seed.
func randomBytes(seed byte, size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{seed}), size)
}

func digestOf(r io.Reader) string {
	h := sha256.New()
	io.Copy(h, r)
	return fmt.Sprintf("%x", h.Sum(nil))
}

func largeInput(t *testing.T, e edge) {
	c := e.ssh(t, "sha256sum; exit 6")
	c.Stdin = randomBytes(1, large)
	r := world.Finish(t, c)
	if want := digestOf(randomBytes(1, large)); !strings.HasPrefix(r.Stdout, want) || r.Code != 6 {
		t.Errorf("the digest inside is %.64s and not %s, exit code %d, stderr %q", r.Stdout, want, r.Code, r.Stderr)
	}
}

func largeEcho(t *testing.T, e edge) {
	c, got := e.ssh(t, "cat"), newDigester()
	c.Stdin, c.Stdout = randomBytes(2, large), got
	finish(t, c, 0)
	got.expect(t, digestOf(randomBytes(2, large)))
}

// endless gives a command input without end, from a process of its own: as in a shell, ssh alone decides when it ends.
func endless(t *testing.T, c *exec.Cmd) {
	t.Helper()
	yes := exec.Command(rig.NeedTool(t, "yes"))
	out, err := yes.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := yes.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { yes.Process.Kill(); yes.Wait() })
	c.Stdin = out
}

func partlyReadInput(t *testing.T, e edge) {
	c := e.ssh(t, "dd bs=1 count=1 2>/dev/null; exit 3")
	endless(t, c)
	if r := world.Finish(t, c); r.Stdout != "y" || r.Code != 3 {
		t.Errorf("stdout %q, exit code %d, stderr %q", r.Stdout, r.Code, r.Stderr)
	}
}

// That the command runs on is seen by its output, of which there is more than any buffer holds.
func closedInput(t *testing.T, e edge) {
	const size = 10_000_000
	c := e.ssh(t, fmt.Sprintf("exec <&-; head -c %d /dev/zero; exit 6", size))
	endless(t, c)
	if r := world.Finish(t, c); len(r.Stdout) != size || r.Code != 6 {
		t.Errorf("%d bytes of stdout, exit code %d, stderr %q", len(r.Stdout), r.Code, r.Stderr)
	}
}

func unreadInput(t *testing.T, e edge) {
	const size = 10_000_000
	c := e.ssh(t, fmt.Sprintf("head -c %d /dev/zero; exit 6", size))
	endless(t, c)
	if r := world.Finish(t, c); len(r.Stdout) != size || r.Code != 6 {
		t.Errorf("%d bytes of stdout, exit code %d, stderr %q", len(r.Stdout), r.Code, r.Stderr)
	}
}

func neverClosedInput(t *testing.T, e edge) {
	c := e.ssh(t, "echo done; exit 2")
	in, out := world.Pipes(t, c)
	defer in.Close()
	bounded(t, c)
	got, err := io.ReadAll(out)
	if code := exitCode(c); string(got) != "done\n" || err != nil || code != 2 {
		t.Errorf("stdout %q, %v, exit code %d", got, err, code)
	}
}

func noInput(t *testing.T, e edge) {
	c := e.ssh(t, "cat; echo end", "-n")
	in, out := world.Pipes(t, c)
	defer in.Close()
	bounded(t, c)
	got, _ := io.ReadAll(out)
	if code := exitCode(c); string(got) != "end\n" || code != 0 {
		t.Errorf("stdout %q, exit code %d", got, code)
	}
}

func endedInput(t *testing.T, e edge) {
	c := e.ssh(t, "wc -c; head -c 1000000 /dev/zero; exit 8")
	c.Stdin = randomBytes(3, 12345)
	if r := world.Finish(t, c); !strings.HasPrefix(strings.TrimSpace(r.Stdout), "12345\n") || len(r.Stdout) < 1_000_000 || r.Code != 8 {
		t.Errorf("%d bytes of stdout, exit code %d", len(r.Stdout), r.Code)
	}
}

func yesHeadInside(t *testing.T, e edge) {
	if r := e.run(t, "yes | head -1"); r != (world.Result{Stdout: "y\n"}) {
		t.Errorf("%+v", r)
	}
}

// A shell of this side joins the two, as a person's does.
func yesHeadAtHome(t *testing.T, e edge) {
	c := e.ssh(t, "echo $$ >/tmp/yes; exec yes")
	both := exec.Command("sh", append([]string{"-c", `"$@" | head -1`, "sh"}, c.Args...)...)
	both.Env, both.Dir = c.Env, c.Dir
	if r := world.Finish(t, both); r.Stdout != "y\n" || r.Code != 0 {
		t.Errorf("%+v", r)
	}
	e.expectGone(t, "/tmp/yes")
}

// expectGone waits until the process whose number is in a file of the container has gone.
func (e edge) expectGone(t *testing.T, file string) {
	t.Helper()
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		r := e.box.Exec(t, "sh", "-c", "test -e "+file+" && ! test -e /proc/$(cat "+file+")")
		return r.ExitCode == 0, "the process of " + file + " runs on"
	})
}
