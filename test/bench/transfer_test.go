// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"io"
	"os/exec"
	"testing"
	"time"
)

// transfer is how many bytes go one way.
const transfer = 1 << 30

func BenchmarkDownload(b *testing.B) { compareTransfers(b, download) }

func BenchmarkUpload(b *testing.B) { compareTransfers(b, upload) }

type (
	commander func(b *testing.B, line string) *exec.Cmd
	mover     func(b *testing.B, command commander) time.Duration
)

func compareTransfers(b *testing.B, move mover) {
	y := newYard(b)
	const rounds = 3
	var ours, docker, sshd []time.Duration
	for range rounds {
		ours, docker, sshd = append(ours, move(b, y.ours)), append(docker, move(b, y.dockerShell)), append(sshd, move(b, y.sshd))
	}
	b.ReportMetric(rate(median(ours)), "MiB/s")
	b.ReportMetric(rate(median(docker)), "docker-MiB/s")
	b.ReportMetric(rate(median(sshd)), "sshd-MiB/s")
	b.ReportMetric(ratio(median(docker), median(ours)), "x-docker")
	b.ReportMetric(ratio(median(sshd), median(ours)), "x-sshd")
	b.ReportMetric(0, "ns/op")
}

// dockerShell is docker exec of a shell command, as ssh runs one.
func (y *yard) dockerShell(b *testing.B, line string) *exec.Cmd { return y.docker(b, "sh", "-c", line) }

func rate(d time.Duration) float64 { return transfer / d.Seconds() / (1 << 20) }

func download(b *testing.B, command commander) time.Duration {
	c := command(b, fmt.Sprintf("head -c %d /dev/zero", transfer))
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	n, err := io.Copy(io.Discard, out)
	if err != nil || n != transfer {
		b.Fatalf("%d bytes of %d arrived: %v", n, transfer, err)
	}
	if err := c.Wait(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func upload(b *testing.B, command commander) time.Duration {
	c := command(b, fmt.Sprintf("test $(cat | wc -c) = %d", transfer))
	c.Stdin = io.LimitReader(zeros{}, transfer)
	return timed(b, c)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
