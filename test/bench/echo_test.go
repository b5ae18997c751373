// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"io"
	"os/exec"
	"testing"
	"time"
)

// BenchmarkEcho is the time from a key to its echo on a terminal.
func BenchmarkEcho(b *testing.B) {
	y := newYard(b)
	const keys = 2000
	a := startEcho(b, y.SSHCommand(b, "-tt", "-e", "none", "-c", cipher, "root@web", echoCommand))
	plain := y.sshd(b, echoCommand)
	plain.Args = append(plain.Args[:1:1], append([]string{"-tt", "-e", "none"}, plain.Args[1:]...)...)
	z := startEcho(b, plain)
	var ours, sshd []time.Duration
	for range keys {
		ours, sshd = append(ours, a.key(b)), append(sshd, z.key(b))
	}
	b.ReportMetric(milliseconds(percentile(ours, 50)), "p50-ms")
	b.ReportMetric(milliseconds(percentile(ours, 99)), "p99-ms")
	b.ReportMetric(ratio(percentile(ours, 50), percentile(sshd, 50)), "p50-x-sshd")
	b.ReportMetric(ratio(percentile(ours, 99), percentile(sshd, 99)), "p99-x-sshd")
	b.ReportMetric(0, "ns/op")
}

const echoCommand = "stty raw -echo; printf R; exec cat"

type echo struct {
	in  io.Writer
	out io.Reader
	buf [1]byte
}

func startEcho(b *testing.B, c *exec.Cmd) *echo {
	b.Helper()
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Process.Kill(); c.Wait() })
	e := &echo{in: in, out: out}
	if _, err := io.ReadFull(out, e.buf[:]); err != nil || e.buf[0] != 'R' {
		b.Fatalf("the terminal said %q, %v", e.buf, err)
	}
	return e
}

func (e *echo) key(b *testing.B) time.Duration {
	start := time.Now()
	if _, err := e.in.Write([]byte{'k'}); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(e.out, e.buf[:]); err != nil || e.buf[0] != 'k' {
		b.Fatalf("the echo was %q, %v", e.buf, err)
	}
	return time.Since(start)
}
