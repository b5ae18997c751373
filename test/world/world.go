// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"switchyard/test/ports"
	"switchyard/test/rig"
)

// readyTime bounds how long a part may take to be ready. It only bounds a failure.
const readyTime = Deadline

// Options declare a world. The zero value is a controller with its defaults on a free port of
// 127.0.0.1, no containers, and the admin logged in.
type Options struct {
	// ControllerArgs are added to the controller's command line.
	ControllerArgs []string
	// Host is the address to listen on; empty means 127.0.0.1.
	Host string
}

// World is one installation and its admin's machine.
type World struct {
	Dir        string // everything is below it
	Bin        Binaries
	Controller *Daemon
	URL        string
	options    Options
}

// New starts a controller, logs the admin in and writes an ssh configuration.
func New(tb testing.TB, o Options) *World {
	tb.Helper()
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	w := &World{Dir: tb.TempDir(), Bin: Build(tb), options: o}
	w.URL = "https://" + net.JoinHostPort(o.Host, strconv.Itoa(ports.Free(tb)))
	w.StartController(tb)
	w.Switchyard(tb, "login", w.URL, "--token-file", filepath.Join(w.DataDir(), "admin.token"))
	w.writeSSHConfig(tb)
	return w
}

// DataDir is the controller's data directory.
func (w *World) DataDir() string { return filepath.Join(w.Dir, "data") }

// StartController starts the controller, or starts it again where it was.
func (w *World) StartController(tb testing.TB) {
	tb.Helper()
	address := strings.TrimPrefix(w.URL, "https://")
	args := append([]string{"controller", "--data-dir", w.DataDir(), "--listen", address}, w.options.ControllerArgs...)
	w.Controller = startDaemon(tb, "controller", w.command(w.Bin.Daemon, args...))
	rig.Eventually(tb, readyTime, func() (bool, string) {
		if w.Controller.Exited() {
			tb.Fatalf("the controller ended: %s", w.Controller.Log())
		}
		c, err := net.Dial("tcp", address)
		if err != nil {
			return false, err.Error()
		}
		c.Close()
		return true, ""
	})
}

// Env is the environment of the world's processes: nothing of the user's own configuration, and an
// admin whose configuration directory is the world's.
func (w *World) Env() []string {
	return []string{
		"PATH=" + filepath.Dir(w.Bin.Client) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + w.Dir, "USER=" + LocalUser, "LOGNAME=" + LocalUser, "TERM=xterm",
		"XDG_CONFIG_HOME=" + filepath.Join(w.Dir, "config"),
		"GORACE=halt_on_error=0", "GOCOVERDIR=" + os.Getenv("GOCOVERDIR"),
	}
}

// LocalUser is what the environment calls the user on the admin's machine. OpenSSH asks the system instead.
const LocalUser = "visitor"

func (w *World) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(program, args...)
	c.Env = w.Env()
	c.Dir = w.Dir
	return c
}

// Command prepares a run of the client.
func (w *World) Command(args ...string) *exec.Cmd { return w.command(w.Bin.Client, args...) }

// Switchyard runs the client, which must succeed, and returns its standard output without the last newline.
func (w *World) Switchyard(tb testing.TB, args ...string) string {
	tb.Helper()
	r := Finish(tb, w.Command(args...))
	if r.Code != 0 {
		tb.Fatalf("switchyard %q: exit code %d: %s", args, r.Code, r.Stderr)
	}
	return strings.TrimSuffix(r.Stdout, "\n")
}

func (w *World) sshConfig() string { return filepath.Join(w.Dir, "ssh_config") }

// writeSSHConfig writes what a user who configures ssh by hand would: the ProxyCommand and the host CA.
func (w *World) writeSSHConfig(tb testing.TB) {
	tb.Helper()
	known := filepath.Join(w.Dir, "known_hosts")
	write(tb, known, w.Switchyard(tb, "known-hosts", "*")+"\n")
	write(tb, w.sshConfig(), fmt.Sprintf(`Host *
	ProxyCommand %s connect %%h
	UserKnownHostsFile %s
	GlobalKnownHostsFile none
	StrictHostKeyChecking yes
	BatchMode yes
	IdentityAgent none
	IdentityFile none
`, w.Bin.Client, known))
}

func write(tb testing.TB, name, content string) {
	tb.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}
