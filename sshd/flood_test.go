// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// deafConn is the server's end of a connection whose client can stop to read: what the server writes is then not
// taken.
type deafConn struct {
	net.Conn
	mu   sync.Mutex
	deaf chan struct{} // nil: it reads
}

func (c *deafConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	deaf := c.deaf
	c.mu.Unlock()
	if deaf != nil {
		<-deaf
	}
	return c.Conn.Write(p)
}

// stop makes the client deaf; the function that it returns heals it, and may be called again.
func (c *deafConn) stop() (heal func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	deaf := make(chan struct{})
	c.deaf = deaf
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.deaf = nil
		close(deaf)
	})
}

// waitingReader tells of each time that a wire's reader begins to wait: sync.Cond unlocks its Locker then, which nobody
// else uses.
type waitingReader struct {
	sync.Locker
	waits chan struct{}
}

func (w waitingReader) Unlock() {
	select {
	case w.waits <- struct{}{}:
	default:
	}
	w.Locker.Unlock()
}

// serveWire serves a connection of which the test sees the wire. When the test ends, it is closed, and serving must end.
func (h *host) serveWire(conn net.Conn) (w *wire, waits <-chan struct{}) {
	h.t.Helper()
	h.cfg.setDefaults()
	c := newConnection(&h.cfg, conn, h.grant)
	reader := waitingReader{&c.conn.reading, make(chan struct{}, 1)}
	c.conn.mayRead.L = reader
	done := make(chan struct{})
	go func() { defer close(done); c.serve() }()
	h.t.Cleanup(func() {
		conn.Close()
		(&served{done: done}).wait(h.t)
	})
	return c.conn, reader.waits
}

// refusalsWaiting are those that are being sent.
func (w *wire) refusalsWaiting() int {
	w.reading.Lock()
	defer w.reading.Unlock()
	return w.refusals
}

// floods are opens that are refused, each in another place.
var floods = map[string]struct {
	kind    string
	payload []byte
	change  func(*host)
}{
	"unknown channels":         {kind: "x11"},
	"malformed forwards":       {kind: "direct-tcpip"},
	"forwards that may not be": {kind: "direct-tcpip", change: func(h *host) { h.grant.Features = nil }},
	"forwards that lead nowhere": {"direct-tcpip", encode("x", 1, "", 0), func(h *host) {
		h.target.dial = func(context.Context, string, uint16) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	}},
	"malformed sockets":          {kind: "direct-streamlocal@openssh.com"},
	"sockets that are not there": {kind: "direct-streamlocal@openssh.com", payload: encode("/no/such/socket", "", 0)},
	"sessions that may not be":   {kind: "session", change: func(h *host) { h.grant.Features = nil }},
	"too many channels":          {kind: "direct-tcpip", change: func(h *host) { h.cfg.MaxChannels = 8 }},
}

// TestClientThatFloodsWithOpensAndReadsNothingIsReadNoMore: each refusal waits for the client to read, so without a bound
// a client that sends opens and reads nothing makes the server keep them all. The client sends the next one when the last
// one waits to be refused, so that the server is never behind, and what waits can be told exactly.
func TestClientThatFloodsWithOpensAndReadsNothingIsReadNoMore(t *testing.T) {
	const opens = 4 * maxRefusing
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			h, _ := newFileHost(t)
			if flood.change != nil {
				flood.change(h)
			}
			near, far := memoryPair()
			server := &deafConn{Conn: far}
			wire, waits := h.serveWire(server)
			client := dialRaw(t, near)
			heal := server.stop()
			t.Cleanup(heal)
			sent := 0
			open := func() { client.send(openMessage(flood.kind, sent, flood.payload)); sent++ }
			for stopped := false; !stopped; {
				if open(); sent > opens {
					t.Fatalf("the server has read %d opens, and reads on", wire.refusalsWaiting())
				}
				stopped = refusedOrWaiting(t, wire, sent, waits)
			}
			// The reader may have been in the middle of a read when the last one that may wait came to wait.
			if n := wire.refusalsWaiting(); n != maxRefusing && n != maxRefusing+1 {
				t.Errorf("%d refusals wait when the server stops to read, want %d, or one more", n, maxRefusing)
			}
			for sent < opens {
				open()
			}
			heal() // and the client gets an answer to each
			expectRefusals(t, client, opens)
			eventually(t, "no refusal to wait", func() bool { return wire.refusalsWaiting() == 0 })
		})
	}
}

// refusedOrWaiting waits until all that was sent waits to be refused, or else the server's reader waits, which it tells.
func refusedOrWaiting(t *testing.T, w *wire, sent int, waits <-chan struct{}) (readerWaits bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for w.refusalsWaiting() < sent {
		select {
		case <-waits:
			return true
		case <-tick.C:
		case <-deadline:
			t.Fatalf("of %d opens %d wait to be refused", sent, w.refusalsWaiting())
		}
	}
	return false
}

// openMessage is SSH_MSG_CHANNEL_OPEN (RFC 4254 section 5.1).
func openMessage(kind string, id int, payload []byte) []byte {
	return append(gossh.Marshal(struct {
		Kind                string `sshtype:"90"`
		ID, Window, Longest uint32
	}{kind, uint32(id), 1 << 20, 1 << 15}), payload...)
}

// expectRefusals reads SSH_MSG_CHANNEL_OPEN_FAILURE once for each of so many channels, in any order.
func expectRefusals(t *testing.T, c *rawClient, channels int) {
	t.Helper()
	refused := map[uint32]bool{}
	for range channels {
		payload := c.receive(92)
		refused[binary.BigEndian.Uint32(payload[1:])] = true
	}
	if len(refused) != channels {
		t.Errorf("%d channels of %d were refused", len(refused), channels)
	}
}
