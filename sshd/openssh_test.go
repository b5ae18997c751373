// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

// listen serves every connection to a loopback port until the test ends.
func (h *host) listen(t testing.TB) net.Addr {
	t.Helper()
	server, err := New(h.cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.ctx)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { server.Serve(ctx, conn, h.grant) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		cancel()
		serving.Wait()
	})
	return l.Addr()
}

// openSSH is the system's client, which the tests that need it skip without, but never where CI
// promises it.
func openSSH(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("ssh")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("there is no ssh, and CI must have one")
	}
	if err != nil {
		t.Skip("there is no ssh (package openssh-client)")
	}
	return path
}

// sshOptions are the client's options that reach the host and verify its key.
func (h *host) sshOptions(t testing.TB, addr net.Addr) []string {
	t.Helper()
	a := addr.(*net.TCPAddr)
	known := filepath.Join(t.TempDir(), "known_hosts")
	line := append([]byte("web "), gossh.MarshalAuthorizedKey(h.signer.PublicKey())...)
	if err := os.WriteFile(known, line, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"-F", "none", "-p", itoa(a.Port), "-l", "app", "-o", "HostName=127.0.0.1",
		"-o", "HostKeyAlias=web", "-o", "UserKnownHostsFile=" + known, "-o", "GlobalKnownHostsFile=none",
		"-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "IdentityAgent=none",
		"-o", "PreferredAuthentications=none"}
}

// ssh is a command of the system's client to the host.
func (h *host) ssh(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	ssh := openSSH(t)
	return exec.Command(ssh, append(h.sshOptions(t, h.listen(t)), args...)...)
}

// outcome runs a command and returns its outputs and its exit status.
func outcome(t testing.TB, cmd *exec.Cmd) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
