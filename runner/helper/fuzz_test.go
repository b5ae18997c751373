// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper

import (
	"strings"
	"testing"

	"switchyard/runner/inside/broker"
)

// FuzzReply: whatever a container says in the broker's place, without a descriptor it gets no socket taken, and no path
// that could be more than one.
func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"id":1}`))
	f.Add([]byte(`{"id":2,"path":"L3RtcC94"}`))
	f.Add([]byte(`{"id":3,"errno":-7}`))
	f.Fuzz(func(t *testing.T, packet []byte) {
		c := &client{asked: map[uint64]*question{}}
		ops := []string{broker.Dial, broker.Listen, broker.ListenPrivate, broker.WritePrivate, broker.Remove}
		for i, op := range ops {
			c.asked[uint64(i+1)] = &question{op: op, answer: make(chan result, 1)}
		}
		asked := c.asked[4]
		if c.take(packet, nil) != nil {
			return
		}
		select {
		case r := <-asked.answer:
			if r.err == nil && (!strings.HasPrefix(r.path, "/") || strings.ContainsAny(r.path, "\x00\n\x1b")) {
				t.Errorf("the path %q was taken", r.path)
			}
		default:
		}
	})
}
