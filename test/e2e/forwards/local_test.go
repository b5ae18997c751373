// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package forwards

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"switchyard/test/ports"
	"switchyard/test/rig"
	"switchyard/test/world"
)

// The service listens on 127.0.0.1 of the container, where nothing but a process inside can reach it.
func TestForwardsLandInsideTheContainer(t *testing.T) {
	t.Parallel()
	rig.NeedDocker(t)
	w := world.New(t, world.Options{})
	web := w.Run(t, "web", world.ContainerOptions{Spec: rig.ContainerSpec{Hostname: "inside",
		Cmd: []string{"sh", "-c", "mkdir -p /srv && echo hello from inside >/srv/index.html && exec httpd -f -p 127.0.0.1:80 -h /srv"}}})
	web.Shell(t, "nc -ll -p 7 -e cat </dev/null >/dev/null 2>&1 &")
	rig.Eventually(t, world.Deadline, func() (bool, string) {
		r := web.Exec(t, "wget", "-qO-", "http://127.0.0.1/")
		return r.ExitCode == 0, r.Stderr
	})

	t.Run("-W", func(t *testing.T) {
		for _, host := range []string{"127.0.0.1", "localhost"} {
			r := w.SSHInput(t, strings.NewReader("GET / HTTP/1.0\r\n\r\n"), "-W", host+":80", "root@web")
			if !strings.HasSuffix(r.Stdout, "hello from inside\n") {
				t.Errorf("by %s: %q, stderr %q", host, r.Stdout, r.Stderr)
			}
		}
	})
	t.Run("half-close loses nothing", func(t *testing.T) {
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			r := web.Exec(t, "sh", "-c", "echo up | nc 127.0.0.1 7")
			return r.Stdout == "up\n", r.Stderr
		})
		data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		r := w.SSHInput(t, bytes.NewReader(data), "-W", "127.0.0.1:7", "root@web")
		if r.Stdout != string(data) {
			t.Errorf("%d bytes of %d came back, stderr %q", len(r.Stdout), len(data), r.Stderr)
		}
	})
	t.Run("the container's own name", func(t *testing.T) {
		web.Shell(t, "nc -ll -p 9 -e echo by-name </dev/null >/dev/null 2>&1 &")
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			r := w.SSH(t, "-W", "inside:9", "root@web")
			return r.Stdout == "by-name\n", r.Stdout + r.Stderr
		})
	})
	t.Run("refused is told", func(t *testing.T) {
		r := w.SSH(t, "-W", "127.0.0.1:81", "root@web")
		if r.Code == 0 || !strings.Contains(strings.ToLower(r.Stderr), "refused") {
			t.Errorf("exit code %d, stderr %q", r.Code, r.Stderr)
		}
	})
	t.Run("-L", func(t *testing.T) {
		port := ports.Free(t)
		c := w.SSHCommand(t, "-N", "-o", "ExitOnForwardFailure=yes", "-L", fmt.Sprintf("127.0.0.1:%d:localhost:80", port), "root@web")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { c.Process.Kill(); c.Wait() }()
		rig.Eventually(t, world.Deadline, func() (bool, string) {
			got, err := get(port)
			return err == nil && strings.HasSuffix(got, "hello from inside\n"), fmt.Sprintf("%q, %v", got, err)
		})
	})
}

func get(port int) (string, error) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return "", err
	}
	b, err := io.ReadAll(c)
	return string(b), err
}
