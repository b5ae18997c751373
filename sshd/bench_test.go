// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"bytes"
	"io"
	"testing"
)

// BenchmarkDownload and BenchmarkUpload carry bytes between the system's client and a process.
func BenchmarkDownload(b *testing.B) {
	h := newHost(b)
	const size = 256 << 20
	b.SetBytes(size)
	for b.Loop() {
		cmd := h.ssh(b, "web", "head -c 268435456 /dev/zero")
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
	for b.Loop() {
		cmd := h.ssh(b, "web", "wc -c")
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
