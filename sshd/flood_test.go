// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"bytes"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"
)

// deafConn is a client's end that can stop to read.
type deafConn struct {
	net.Conn
	mu   sync.Mutex
	deaf chan struct{} // nil: it reads
}

func (c *deafConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	deaf := c.deaf
	c.mu.Unlock()
	if deaf != nil {
		<-deaf
	}
	return c.Conn.Read(p)
}

// stop makes it deaf; the function that it returns heals it.
func (c *deafConn) stop() (heal func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	deaf := make(chan struct{})
	c.deaf = deaf
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.deaf = nil
		close(deaf)
	}
}

// refusing counts the goroutines that are refusing a channel.
func refusing() int {
	buf := make([]byte, 64<<20)
	stacks := buf[:runtime.Stack(buf, true)]
	return bytes.Count(stacks, []byte("ssh.(*channel).Reject("))
}

// mostRefusing is the number at which the refusals that wait come to a rest, or half of all opens if they
// do not.
func mostRefusing(opens int) (worst int) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for quiet := 0; quiet < 10 && worst < opens/2; quiet++ {
		<-tick.C
		if n := refusing(); n > worst {
			worst, quiet = n, 0
		}
	}
	return worst
}

// TestClientThatFloodsWithOpensAndReadsNothingHoldsFewGoroutines: each refusal waits for the client to read,
// so without a bound a client that sends opens and reads nothing makes the server keep them all.
func TestClientThatFloodsWithOpensAndReadsNothingHoldsFewGoroutines(t *testing.T) {
	const opens = 3000
	for name, kind := range map[string]string{"unknown channels": "x11", "forwards that lead nowhere": "direct-tcpip"} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.cfg.MaxChannels = 8
			near, far := tcpPair(t)
			near.(*net.TCPConn).SetReadBuffer(4096)
			far.(*net.TCPConn).SetWriteBuffer(4096)
			conn := &deafConn{Conn: near}
			client, err := h.open(h.serveConn(conn, far), "app")
			if err != nil {
				t.Fatal(err)
			}
			heal := conn.stop()
			var opening sync.WaitGroup
			for range opens {
				opening.Go(func() {
					if ch, _, err := client.OpenChannel(kind, nil); err == nil {
						ch.Close()
						t.Error("a channel was opened")
					}
				})
			}
			// What had been read when the reading stopped comes on top of the bound: a buffer and two queues full, and
			// more on a machine so busy that goroutines wait to run. A refusal that is just being handed over is not
			// seen, so the least is less than the bound.
			if least, most, worst := maxRefusing/2, opens/4, mostRefusing(opens); worst > most || worst < least {
				t.Errorf("%d refusals wait at once, want %d to %d", worst, least, most)
			}
			heal() // and the client gets an answer to each
			opening.Wait()
		})
	}
}
