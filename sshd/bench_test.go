// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"bytes"
	"io"
	"syscall"
	"testing"
	"time"
)

// BenchmarkDownload and BenchmarkUpload carry bytes between the system's client and a process.
func BenchmarkDownload(b *testing.B) {
	h := newHost(b)
	const size = 256 << 20
	b.SetBytes(size)
	defer reportCPU(b, size)()
	for b.Loop() {
		cmd := h.ssh(b, "-c", benchCipher, "web", "head -c 268435456 /dev/zero")
		counter := &counter{}
		cmd.Stdout = counter
		if err := cmd.Run(); err != nil || counter.n != size {
			b.Fatal(err, counter.n)
		}
	}
}

func BenchmarkUpload(b *testing.B) {
	h := newHost(b)
	const size = 256 << 20
	b.SetBytes(size)
	defer reportCPU(b, size)()
	for b.Loop() {
		cmd := h.ssh(b, "-c", benchCipher, "web", "wc -c")
		cmd.Stdin = io.LimitReader(zeros{}, size)
		out, err := cmd.Output()
		if err != nil || string(bytes.TrimSpace(out)) != "268435456" {
			b.Fatal(err, string(out))
		}
	}
}

type counter struct{ n int }

func (c *counter) Write(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// benchCipher is what a client with AES in its CPU should ask for.
const benchCipher = "aes128-gcm@openssh.com"

// reportCPU reports the CPU time of this process, the server's and a little of the benchmark's own, for
// each MiB. Unlike the speed it hardly depends on what else the machine does.
func reportCPU(b *testing.B, size int) func() {
	before := cpuTime(b)
	return func() {
		spent := cpuTime(b) - before
		b.ReportMetric(float64(spent.Microseconds())/float64(b.N)/float64(size>>20), "cpu-us/MiB")
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
