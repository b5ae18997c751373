// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// transfers are OpenSSH's programs that copy a file to a directory of the container and back again.
var transfers = map[string]func(t *testing.T, w *world.World, login, there, file, back string){
	"sftp": func(t *testing.T, w *world.World, login, there, file, back string) {
		batch := fmt.Sprintf("put -p %q %q/it\nls -l %q\nget -p %q/it %q\nrm %q/it\n", file, there, there, there, back, there)
		sftpBatch(t, w, login, batch)
	},
	"scp": func(t *testing.T, w *world.World, login, there, file, back string) {
		copyBack(t, w, login, there, file, back)
	},
	"scp of many": func(t *testing.T, w *world.World, login, there, file, back string) {
		copyBack(t, w, login, there, file, back, "-r")
	},
}

// past is the time of a file, to be preserved.
var past = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

func dropAll(o *client.ContainerCreateOptions) { o.HostConfig.CapDrop = []string{"ALL"} }

// sftpBatch runs sftp, which ends at the first command that fails.
func sftpBatch(t *testing.T, w *world.World, login, batch string) string {
	t.Helper()
	c := sshTool(t, w, "sftp", "-b", "-", login+"@web")
	c.Stdin = strings.NewReader(batch)
	r := world.Finish(t, c)
	if r.Code != 0 {
		t.Fatalf("sftp: exit code %d, stderr %q, stdout %q", r.Code, r.Stderr, r.Stdout)
	}
	return r.Stdout
}

// sshTool prepares a run of one of the programs beside ssh.
func sshTool(t *testing.T, w *world.World, name string, args ...string) *exec.Cmd {
	t.Helper()
	c := w.SSHCommand(t)
	return &exec.Cmd{Path: rig.NeedTool(t, name), Args: append([]string{name, "-F", c.Args[2]}, args...), Env: c.Env, Dir: c.Dir}
}

func copyBack(t *testing.T, w *world.World, login, there, file, back string, flags ...string) {
	t.Helper()
	remote := login + "@web:" + there + "/it"
	for _, args := range [][]string{{file, remote}, {remote, back}} {
		c := sshTool(t, w, "scp", append(append([]string{"-p", "-q"}, flags...), args...)...)
		if r := world.Finish(t, c); r.Code != 0 || r.Stderr != "" {
			t.Fatalf("scp %q: exit code %d, stderr %q", args, r.Code, r.Stderr)
		}
	}
}

func TestFilesComeBackAsTheyWereFromAnyImage(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	for name, image := range map[string]struct {
		spec  rig.ContainerSpec
		login string
		there string
	}{
		"busybox":                  {rig.ContainerSpec{}, "root", "/tmp"},
		"debian":                   {rig.ContainerSpec{Image: rig.Debian}, "root", "/tmp"},
		"another user":             {rig.ContainerSpec{}, "alice", "/tmp"},
		"scratch":                  {rig.ContainerSpec{Image: rig.Scratch}, "root", "/"},
		"scratch, a number":        {rig.ContainerSpec{Image: rig.Scratch}, "4711", "/dev/shm"},
		"a read-only image":        {rig.ContainerSpec{ReadOnly: true}, "root", "/dev/shm"},
		"without any capability":   {rig.ContainerSpec{Adjust: dropAll}, "root", "/tmp"},
		"a user that is not root":  {rig.ContainerSpec{User: "alice", Adjust: dropAll}, "alice", "/home/alice"},
		"a home that is not there": {rig.ContainerSpec{}, "bob", "/tmp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, world.Options{})
			w.Run(t, "web", world.ContainerOptions{Spec: image.spec, RunnerArgs: []string{"--exec", "runc"}})
			for how, transfer := range transfers {
				t.Run(how, func(t *testing.T) {
					file, want := randomFile(t, 5<<20+123)
					back := filepath.Join(t.TempDir(), "back")
					transfer(t, w, image.login, image.there, file, back)
					expectSame(t, back, want)
				})
			}
		})
	}
}

// randomFile is a file of random bytes with a mode and a time of its own.
func randomFile(t *testing.T, size int) (name string, content []byte) {
	t.Helper()
	content = make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(content)
	name = filepath.Join(t.TempDir(), "file with ' in it")
	if err := os.WriteFile(name, content, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, past, past); err != nil {
		t.Fatal(err)
	}
	return name, content
}

func expectSame(t *testing.T, back string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(back)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(back)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) || info.Mode().Perm() != 0o640 || !info.ModTime().Equal(past) {
		t.Errorf("%d bytes of mode %v and time %v came back, the same: %t", len(got), info.Mode(), info.ModTime(), bytes.Equal(got, want))
	}
}
