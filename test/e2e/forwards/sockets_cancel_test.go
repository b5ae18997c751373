// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package forwards

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

// TestACancelledSocketForwardIsGoneAndItsPathIsFreeAgain uses OpenSSH's cancel-streamlocal-forward@openssh.com.
func TestACancelledSocketForwardIsGoneAndItsPathIsFreeAgain(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{RunnerArgs: []string{"--exec", "runc"}})
	dir := t.TempDir()
	master, near := w.Master(t, "root@web"), filepath.Join(dir, "near")
	control := func(what, flag, forward string) {
		t.Helper()
		if r := w.SSH(t, "-S", master, "-O", what, flag, forward, "web"); r.Code != 0 {
			t.Fatalf("%s of %s: exit code %d, %q", what, forward, r.Code, r.Stderr)
		}
	}
	there := func(path string) bool { return web.Exec(t, "test", "-e", path).ExitCode == 0 }
	other := "/tmp/other:" + greeter(t, "unix", filepath.Join(dir, "other"))
	control("forward", "-R", other)
	control("forward", "-L", near+":/tmp/socket")
	for i := range 3 {
		forward := "/tmp/socket:" + greeter(t, "unix", filepath.Join(dir, fmt.Sprint("service", i)))
		control("forward", "-R", forward)
		conn, err := net.Dial("unix", near)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len("greetings\n"))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "greetings\n" {
			t.Errorf("forward %d: the socket says %q, %v", i, got, err)
		}
		control("cancel", "-R", forward)
		rig.Eventually(t, world.Deadline, func() (bool, string) { return !there("/tmp/socket"), "the socket is left" })
		if !there("/tmp/other") {
			t.Error("the other forward was cancelled, too")
		}
		io.WriteString(conn, "still") // what is connected stays connected
		if _, err := io.ReadFull(conn, got[:5]); err != nil || string(got[:5]) != "still" {
			t.Errorf("forward %d: after the cancel the connection says %q, %v", i, got[:5], err)
		}
		conn.Close()
	}
}
