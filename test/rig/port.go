// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// The ports that Port gives. Linux gives those from 32768 to whoever asks for any, and to every connection that goes out
// (ip(7), ip_local_port_range), so one of them that is free now may not be so when it is listened on.
const firstPort, lastPort = 10240, 32767

// Port returns a TCP port of an address of this machine on which nothing listens, and which no other test gets until
// this one ends: for a program that cannot choose one itself, or that must come back to the one that it had.
func Port(tb testing.TB, host string) int {
	tb.Helper()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		address := net.JoinHostPort(host, strconv.Itoa(port))
		claim, err := net.ListenPacket("udp", address) // which nobody needs, so it says whose the number is
		if err != nil {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			tb.Cleanup(func() { claim.Close() })
			return port
		}
		claim.Close()
	}
	tb.Fatalf("no port of %q is free", host)
	return 0
}
