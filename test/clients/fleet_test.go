// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// deadline bounds a wait for something that happens. It only bounds a failure.
const deadline = 3 * time.Minute

// fleet is the installation that all clients share, and what they transfer.
type fleet struct {
	*world.World
	targets []*target
	aside   []*target // of a container whose runner starts processes by docker exec; each and one leave them out
	tree    *tree     // files of every kind and name
	plain   *tree     // the same without the link to a directory, for clients that fail there
	big     string    // a file of bigSize
	bigSum  string
}

// target is a login of a container.
type target struct {
	alias string // its Host in ssh_config
	image rig.Image
	host  string // the container's name
	login string
	uid   int
	box   *world.Container
	root  string // the container's root directory, as seen from outside
}

// images are the containers, by name.
var images = []struct {
	name  string
	image rig.Image
}{{"busybox", rig.Busybox}, {"debian", rig.Debian}, {"scratch", rig.Scratch}}

// noPasswd is a uid that no passwd file has.
const noPasswd = 4711

// logins are the users: 4711 is in no passwd file, and nobody but root has a name where there is no such
// file at all.
var logins = []struct {
	name, login, onScratch string
	uid                    int
}{{"root", "root", "root", 0}, {"alice", "alice", "1000", 1000}, {"4711", "4711", "4711", noPasswd}}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{World: world.New(t, world.Options{})}
	for _, i := range images {
		spec := rig.ContainerSpec{Image: i.image}
		if i.image != rig.Scratch {
			spec.Cmd = []string{"sh", "-c", "sleep 1000000 & wait"} // a main process that waits for orphans
		}
		box := f.Run(t, i.name, world.ContainerOptions{Spec: spec})
		f.targets = append(f.targets, targets(t, i.name, i.image, box)...)
	}
	f.aside = targets(t, "exec", rig.Debian, f.runByDockerExec(t, "exec"))
	f.writeConfig(t)
	f.tree = makeTree(t, filepath.Join(f.Dir, "the tree"), true)
	f.plain = makeTree(t, filepath.Join(f.Dir, "the plain tree"), false)
	f.makeBig(t)
	return f
}

// targets makes a directory for each login, since scratch has none that a user could write.
func targets(t *testing.T, name string, image rig.Image, box *world.Container) (all []*target) {
	t.Helper()
	root := fmt.Sprintf("/proc/%d/root", box.PID(t))
	for _, l := range logins {
		x := &target{alias: name + "-" + l.name, image: image, host: name, login: l.login, uid: l.uid, box: box, root: root}
		if image == rig.Scratch {
			x.login = l.onScratch
		}
		must(t, os.MkdirAll(root+x.dir(), 0o755))
		must(t, os.Chown(root+x.dir(), l.uid, 100))
		all = append(all, x)
	}
	return all
}

// writeConfig writes the ssh_config that most clients use: aliases for the targets, one ProxyCommand, and
// the line of the host authority.
func (f *fleet) writeConfig(t *testing.T) {
	t.Helper()
	known := filepath.Join(f.Dir, "known_hosts")
	var b strings.Builder
	for _, x := range slices.Concat(f.targets, f.aside) {
		fmt.Fprintf(&b, "Host %s\n\tHostName %s\n\tUser %s\n", x.alias, x.host, x.login)
	}
	fmt.Fprintf(&b, "Host *\n\tProxyCommand %s\n", f.proxyCommand("%h"))
	fmt.Fprintf(&b, "\tUserKnownHostsFile %s\n\tGlobalKnownHostsFile none\n\tStrictHostKeyChecking yes\n", known)
	b.WriteString("\tBatchMode yes\n\tIdentityAgent none\n\tIdentityFile none\n\tUpdateHostKeys no\n")
	must(t, os.WriteFile(f.config(), []byte(b.String()), 0o600))
}

func (f *fleet) config() string { return filepath.Join(f.Dir, "clients_config") }

// proxyCommand is the command line that joins its standard input and output to the container.
func (f *fleet) proxyCommand(host string) string { return f.Bin.Client + " connect " + host }

// command prepares a run of a client in the world's environment.
func (f *fleet) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(program, args...)
	c.Env, c.Dir = f.Env(), f.Dir
	return c
}

// ssh prepares a run of OpenSSH's client.
func (f *fleet) ssh(args ...string) *exec.Cmd {
	return f.command("ssh", append([]string{"-F", f.config()}, args...)...)
}

// run finishes a command with its standard input, which may be nil.
func run(t *testing.T, c *exec.Cmd, stdin io.Reader) world.Result {
	t.Helper()
	c.Stdin = stdin
	return world.Finish(t, c)
}

// ok finishes a command that must exit 0, and returns its standard output.
func ok(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	r := world.Finish(t, c)
	if r.Code != 0 {
		t.Fatalf("%q: exit code %d, stdout %.2000q, stderr %.2000q", c.Args, r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// fails holds a failure to its exit code and to what the user reads.
func fails(t *testing.T, c *exec.Cmd, code int, says ...string) {
	t.Helper()
	r := world.Finish(t, c)
	if r.Code != code {
		t.Errorf("%q: exit code %d, want %d, stdout %.2000q, stderr %.2000q", c.Args, r.Code, code, r.Stdout, r.Stderr)
	}
	for _, say := range says {
		if !strings.Contains(r.Stdout+r.Stderr, say) {
			t.Errorf("%q does not say %q: stdout %.2000q, stderr %.2000q", c.Args, say, r.Stdout, r.Stderr)
		}
	}
}

// each runs a subtest for every target that is of one of the images; none means all.
func (f *fleet) each(t *testing.T, test func(*testing.T, *target), of ...rig.Image) {
	t.Helper()
	for _, x := range f.of(of...) {
		t.Run(x.alias, func(t *testing.T) { test(t, x) })
	}
}

// of are the targets of these images; none means all.
func (f *fleet) of(images ...rig.Image) (all []*target) {
	for _, x := range f.targets {
		if len(images) == 0 || slices.Contains(images, x.image) {
			all = append(all, x)
		}
	}
	return all
}

// one is a login of an image.
func (f *fleet) one(alias string) *target {
	for _, x := range f.targets {
		if x.alias == alias {
			return x
		}
	}
	panic("no target " + alias)
}

// dir is the target's directory in the container.
func (x *target) dir() string { return "/data/" + x.alias }

// hasShell tells whether commands can be more than the words of one program.
func (x *target) hasShell() bool { return x.image != rig.Scratch }

// missing is what the user reads of a program that the image lacks: from its shell, or else from us.
func (x *target) missing(program string) string {
	if x.hasShell() {
		return program + ": not found"
	}
	return fmt.Sprintf("container %q has no program %q", x.host, program)
}

// fresh makes a directory of the test's own, which the login owns: its path in the container, and from
// outside.
func (x *target) fresh(t *testing.T) (inside, outside string) {
	t.Helper()
	inside = x.dir() + "/" + strings.ToLower(rand.Text()[:8])
	outside = x.root + inside
	must(t, os.Mkdir(outside, 0o755))
	must(t, os.Chown(outside, x.uid, 100))
	t.Cleanup(func() { os.RemoveAll(outside) })
	return inside, outside
}

// owned fails unless the login owns everything below a directory, as seen from outside.
func (x *target) owned(t *testing.T, outside string) {
	t.Helper()
	out, err := exec.Command("find", outside, "-not", "-uid", strconv.Itoa(x.uid)).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("not of uid %d: %s %v", x.uid, out, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
