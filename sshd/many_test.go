// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

// TestThousandsOfForwardsAtOnceAllCarry has as many channels open at once as there may be, and then carries something
// through each of them, both ways.
func TestThousandsOfForwardsAtOnceAllCarry(t *testing.T) {
	const channels = 2000
	h := newHost(t)
	h.target.dial = func(context.Context, string, uint16) (net.Conn, error) {
		near, far := memoryPair()
		go func() { io.Copy(far, far); far.Close() }()
		return near, nil
	}
	c, _ := h.dial("app")
	open := make([]gossh.Channel, channels)
	for i := range open {
		ch, requests, err := c.OpenChannel("direct-tcpip", encode("x", 1, "", 0))
		if err != nil {
			t.Fatalf("channel %d: %v", i, err)
		}
		go gossh.DiscardRequests(requests)
		open[i] = ch
	}
	var all sync.WaitGroup
	for i, ch := range open {
		all.Go(func() {
			sent := strings.Repeat(itoa(i)+" ", 5000)
			go func() { io.WriteString(ch, sent) }()
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(ch, got); err != nil || string(got) != sent {
				t.Errorf("channel %d: %v", i, err)
			}
			ch.Close()
		})
	}
	all.Wait()
	if r := run(t, c, "echo here", ""); r.stdout != "here\n" {
		t.Errorf("behind them a command gives %+v", r)
	}
}
