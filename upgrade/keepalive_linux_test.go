// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestKeepAliveReachesTheSocketBelow(t *testing.T) {
	for name, pair := range map[string]func(testing.TB) (net.Conn, net.Conn){
		"tcp": tcpPair, "tls": tlsPair, "tls over a batch": tlsBatchPair,
	} {
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

// TestPeerThatTakesNothingForAWhileIsNotDead: ssh that was stopped with Ctrl-Z reads nothing, and its kernel
// answers all the same.
func TestPeerThatTakesNothingForAWhileIsNotDead(t *testing.T) {
	near, far := tcpPair(t)
	probes := Probes{Idle: time.Second, Interval: time.Second, Count: 1}
	if err := KeepAlive(near, probes); err != nil {
		t.Fatal(err)
	}
	broke := make(chan error, 1)
	stop := make(chan struct{})
	go func() {
		block := make([]byte, 1<<20)
		for {
			select {
			case <-stop:
				broke <- nil
				return
			default:
			}
			if _, err := near.Write(block); err != nil {
				broke <- err
				return
			}
		}
	}()
	timeoutBecomes(t, near, 0)
	select { // the kernel would have ended it by twice the timeout
	case err := <-broke:
		t.Fatalf("the connection ended: %v", err)
	case <-time.After(3 * 2 * time.Second):
	}
	close(stop)
	go io.Copy(io.Discard, far)
	if err := <-broke; err != nil {
		t.Errorf("the connection ended when the peer had begun to read: %v", err)
	}
	timeoutBecomes(t, near, 2000)
}

// timeoutBecomes waits until a connection has this TCP_USER_TIMEOUT, in milliseconds.
func timeoutBecomes(t *testing.T, c net.Conn, want int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-tick.C {
		if socketOption(t, c, unix.TCP_USER_TIMEOUT) == want {
			return
		}
	}
	t.Fatalf("the timeout does not become %d", want)
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
