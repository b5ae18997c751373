// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ports gives tests TCP ports of loopback that nobody else takes meanwhile: Free for a program that has to be
// told where to listen, Refusing for a connection that has to be refused.
//
// A port that the system chose and that was released again is anybody's: on a busy machine seconds pass until the
// program that was told of it listens. A test that can listen itself, on port 0, needs nothing of this.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"testing"
)

const (
	lowest = 10240
	// usual is the lowest port that systems choose by themselves, for listeners and for outgoing connections.
	usual = 32768
)

// Free is a port at which nobody listens, neither on 127.0.0.1 nor on ::1, and that is given to no other test of this
// machine before this one has ended. The system itself chooses none of these for anybody. It is as good in another
// network namespace.
func Free(tb testing.TB) int {
	tb.Helper()
	first, last := lowest, chosen()-1
	start := rand.IntN(last - first + 1)
	for i := range last - first + 1 {
		port := first + (start+i)%(last-first+1)
		if reserve(tb, port) {
			return port
		}
	}
	tb.Fatalf("of the ports %d to %d none is free", first, last)
	return 0
}

// chosen is the lowest port that this system chooses by itself (ip(7), ip_local_port_range).
func chosen() (port int) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if _, scanErr := fmt.Sscan(string(text), &port); err != nil || scanErr != nil || port < lowest+1000 {
		return usual
	}
	return port
}

// reserve takes a port for the test, by an abstract socket of its name (unix(7)), which is gone with its process.
func reserve(tb testing.TB, port int) bool {
	tb.Helper()
	lock, err := net.Listen("unix", "@switchyard-test-port-"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	if !unused("127.0.0.1", port) || !unused("::1", port) {
		lock.Close()
		return false
	}
	tb.Cleanup(func() { lock.Close() })
	return true
}

// unused tells whether the port can be listened on, which it can where there is no such address at all.
func unused(host string, port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err == nil {
		l.Close()
		return true
	}
	return !hasAddress(host)
}

func hasAddress(host string) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err == nil {
		l.Close()
	}
	return err == nil
}
