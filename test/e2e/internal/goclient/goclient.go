// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package goclient connects Go's SSH client through "switchyard connect", for what OpenSSH's does not show or would need a
// process for.
//
//	x := goclient.Dial(t, w, "root", "web")
//	conn, err := x.Dial("tcp", "127.0.0.1:80")
package goclient

import (
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"switchyard/test/world"
)

// Client is a connection, and the process that is its ProxyCommand.
type Client struct {
	*gossh.Client
	Connect *exec.Cmd
}

// lifetime bounds a connection, and so every wait on it. It only bounds a failure.
const lifetime = 2 * world.Deadline

// Dial connects to the container of that name until the test ends, or for six minutes. The host is verified by its
// certificate.
func Dial(tb testing.TB, w *world.World, user, container string) *Client {
	tb.Helper()
	c := w.Command("connect", container)
	in, out := world.Pipes(tb, c)
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	known, err := knownhosts.New(filepath.Join(w.Dir, "known_hosts"))
	if err != nil {
		tb.Fatal(err)
	}
	conn, channels, requests, err := gossh.NewClientConn(pipeConn{out, in}, container+":22", &gossh.ClientConfig{
		User: user, HostKeyCallback: known, HostKeyAlgorithms: []string{gossh.CertAlgoED25519v01},
	})
	if err != nil {
		c.Process.Kill()
		c.Wait()
		tb.Fatal(err)
	}
	x := &Client{gossh.NewClient(conn, channels, requests), c}
	timer := time.AfterFunc(lifetime, func() { c.Process.Kill() })
	tb.Cleanup(func() { timer.Stop(); x.End() })
	return x
}

// End closes the connection and waits for what belongs to it. Repeatedly is fine.
func (x *Client) End() {
	x.Close()
	x.Wait()
	x.Connect.Wait()
}

// pipeConn is a process's standard input and output as a connection.
type pipeConn struct {
	io.Reader
	io.WriteCloser
}

func (pipeConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (pipeConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (pipeConn) SetDeadline(time.Time) error      { return nil }
func (pipeConn) SetReadDeadline(time.Time) error  { return nil }
func (pipeConn) SetWriteDeadline(time.Time) error { return nil }
