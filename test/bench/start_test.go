// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"testing"
	"time"
)

// BenchmarkStart is the whole time of "ssh web true", as a user waits for it.
func BenchmarkStart(b *testing.B) {
	y := newYard(b)
	const rounds, warmUp = 31, 2
	var ours, docker, sshd []time.Duration
	for i := range rounds + warmUp {
		o, d, s := timed(b, y.ours(b, "true")), timed(b, y.docker(b, "true")), timed(b, y.sshd(b, "true"))
		if i < warmUp {
			continue
		}
		ours, docker, sshd = append(ours, o), append(docker, d), append(sshd, s)
	}
	b.ReportMetric(milliseconds(median(ours)), "ms")
	b.ReportMetric(milliseconds(median(docker)), "docker-ms")
	b.ReportMetric(milliseconds(median(sshd)), "sshd-ms")
	b.ReportMetric(ratio(median(ours), median(docker)), "x-docker")
	b.ReportMetric(ratio(median(ours), median(sshd)), "x-sshd")
	b.ReportMetric(0, "ns/op")
}
