// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"io"
	"testing"

	"switchyard/sshd"
)

// BenchmarkCommand is the whole life of a short command, with its output read and its session ended.
func BenchmarkCommand(b *testing.B) {
	tgt := New(Config{})
	a, err := tgt.Account(context.Background(), "")
	if err != nil {
		b.Fatal(err)
	}
	for _, pty := range []*sshd.Pty{nil, {}} {
		b.Run(map[bool]string{true: "pipes", false: "terminal"}[pty == nil], func(b *testing.B) {
			for b.Loop() {
				p, err := tgt.Start(context.Background(), sshd.Command{Account: a, Line: "exit 3", Pty: pty})
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, p.Stdout())
				if e, err := p.Wait(); err != nil || e.Code != 3 {
					b.Fatal(e, err)
				}
				p.End()
			}
		})
	}
}
