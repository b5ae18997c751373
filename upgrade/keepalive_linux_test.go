// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestKeepAliveReachesTheSocketBelow(t *testing.T) {
	for name, pair := range map[string]func(testing.TB) (net.Conn, net.Conn){"tcp": tcpPair, "tls": tlsPair} {
		t.Run(name, func(t *testing.T) {
			c, _ := pair(t)
			c = NewConn(c, nil)
			if err := KeepAlive(c, Probes{Idle: 7 * time.Second, Interval: 3 * time.Second, Count: 2}); err != nil {
				t.Fatal(err)
			}
			for option, want := range map[int]int{
				unix.TCP_KEEPIDLE: 7, unix.TCP_KEEPINTVL: 3, unix.TCP_KEEPCNT: 2, unix.TCP_USER_TIMEOUT: 13000,
			} {
				if got := socketOption(t, c, option); got != want {
					t.Errorf("option %d is %d, want %d", option, got, want)
				}
			}
		})
	}
}

func TestKeepAliveLeavesAUnixSocketAlone(t *testing.T) {
	c, _ := unixPair(t)
	if err := KeepAlive(c, Probes{}); err != nil {
		t.Error(err)
	}
}

func socketOption(t *testing.T, c net.Conn, option int) (value int) {
	t.Helper()
	raw, err := tcpConn(c).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, option) })
	if err != nil {
		t.Fatal(err)
	}
	return value
}
