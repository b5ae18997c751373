// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestLogins(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	w.Run(t, "web", world.ContainerOptions{Spec: rig.ContainerSpec{User: "alice"}})
	const whoami = "id -u; id -g; id -G; echo $HOME; pwd"
	for _, c := range []struct{ login, want string }{
		{"alice", "1000\n100\n100 2000\n/home/alice\n/home/alice"},
		{"root", "0\n0\n0\n/root\n/root"},
		{"1000", "1000\n100\n100 2000\n/home/alice\n/home/alice"},
		{"4711:4712", "4711\n4712\n4712\n/\n/"},
		{"bob", "1001\n100\n100\n/home/bob\n/"}, // a home that does not exist
	} {
		got := w.SSHOutput(t, "-o", "User="+c.login, "web", whoami)
		if got != c.want && !(c.login == "root" && strings.HasPrefix(got, "0\n0\n")) {
			t.Errorf("login %q: got %q, want %q", c.login, got, c.want)
		}
	}
	t.Run("the local user's name means the container's default user", func(t *testing.T) {
		c := w.SSHCommand(t, "web", "id -un")
		if os.Getuid() == 0 {
			c = asGames(t, w, "web", "id -un") // root is an account of every container
		}
		if r := world.Finish(t, c); r.Stdout != "alice\n" {
			t.Errorf("got %q, stderr %q", r.Stdout, r.Stderr)
		}
	})
	t.Run("a login that does not exist", func(t *testing.T) {
		r := w.SSH(t, "nobody-here@web", "true")
		if r.Code != 255 || !strings.Contains(r.Stderr, `"nobody-here"`) {
			t.Errorf("exit code %d, stderr %q", r.Code, r.Stderr)
		}
	})
	t.Run("a shell that does not exist", func(t *testing.T) {
		r := w.SSH(t, "carol@web", "true")
		if r.Code == 0 || !strings.Contains(r.Stderr, "shell") || !strings.Contains(r.Stderr, `container "web"`) {
			t.Errorf("exit code %d, stderr %q", r.Code, r.Stderr)
		}
	})
}

// asGames prepares a run of ssh by the system's user "games", whom the image does not have. She has a token but no configuration
// of her own, and can read nothing of root's.
func asGames(t *testing.T, w *world.World, args ...string) *exec.Cmd {
	t.Helper()
	games, err := user.Lookup("games")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(games.Uid)
	gid, _ := strconv.Atoi(games.Gid)
	c := w.SSHCommand(t, args...)
	dir, err := os.MkdirTemp("", "switchyard-games-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	share := func(from string, mode os.FileMode) string {
		t.Helper()
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.Base(from))
		if err := os.WriteFile(to, b, mode); err != nil {
			t.Fatal(err)
		}
		return to
	}
	connect := share(w.Bin.Client, 0o755)
	known := share(filepath.Join(w.Dir, "known_hosts"), 0o644)
	token, err := os.ReadFile(filepath.Join(w.DataDir(), "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	c.Args = append([]string{c.Args[0], "-F", "none", "-o", "ProxyCommand=" + connect + " connect %h",
		"-o", "UserKnownHostsFile=" + known, "-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes",
		"-o", "BatchMode=yes"}, args...)
	c.Dir = dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "SWITCHYARD_URL=" + w.URL,
		"SWITCHYARD_TOKEN=" + strings.TrimSpace(string(token)),
		"SWITCHYARD_CA=" + share(filepath.Join(w.DataDir(), "tls-ca.crt"), 0o644)}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return c
}
