// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// counted is a connection that counts its writes, and fails them when told to.
type counted struct {
	net.Conn
	mu     sync.Mutex
	writes int
	fails  error
}

func (c *counted) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	if c.fails != nil {
		return len(p) / 2, c.fails
	}
	return c.Conn.Write(p)
}

func (c *counted) set(fails error) { c.mu.Lock(); c.writes, c.fails = 0, fails; c.mu.Unlock() }

func (c *counted) count() int { c.mu.Lock(); defer c.mu.Unlock(); return c.writes }

// batchedPair is TLS over two Batches, the client's over a counted connection.
func batchedPair(t testing.TB) (client, server *Conn, below *counted) {
	t.Helper()
	c, s := tcpPair(t)
	below = &counted{Conn: c}
	tc, ts := startTLS(t, NewBatch(below), NewBatch(s))
	return NewConn(tc, nil), NewConn(ts, nil), below
}

func random(size int) []byte {
	b := make([]byte, size)
	rand.Read(b)
	return b
}

func TestTheRecordsOfOneWriteLeaveTogether(t *testing.T) {
	for size, want := range map[int]int{1: 1, record: 1, record + 1: 1, 4 * record: 1, 5 * record: 2, 16 * record: 4} {
		client, server, below := batchedPair(t)
		go client.Write(random(128 << 10)) // from then on Go's TLS makes records of the largest size
		if _, err := io.ReadFull(server, make([]byte, 128<<10)); err != nil {
			t.Fatal(err)
		}
		below.set(nil)
		sent, errs := random(size), make(chan error, 1)
		go func() {
			n, err := client.Write(sent)
			if n != len(sent) && err == nil {
				err = io.ErrShortWrite
			}
			errs <- err
		}()
		got := make([]byte, size)
		if _, err := io.ReadFull(server, got); err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("%d bytes: arrived differently, %v", size, err)
		}
		if err := <-errs; err != nil || below.count() != want {
			t.Errorf("%d bytes: %d writes, want %d; %v", size, below.count(), want, err)
		}
	}
}

// fed is a connection whose reads give exactly what was fed each time.
type fed struct {
	net.Conn
	feed chan []byte
}

func (f *fed) Read(p []byte) (int, error) {
	b, ok := <-f.feed
	if !ok {
		return 0, io.EOF
	}
	if len(b) > len(p) {
		panic("the test feeds more than is asked for")
	}
	return copy(p, b), nil
}

// fedPair is a sender whose bytes are given to pass before the receiver reads them.
func fedPair(t *testing.T) (sender *Conn, receiver *Conn, wire net.Conn, feed chan []byte) {
	t.Helper()
	c, s := tcpPair(t)
	into := &fed{Conn: s, feed: make(chan []byte, 16)}
	switched := &switchable{Conn: s}
	tc, ts := startTLS(t, c, NewBatch(switched))
	switched.to = into
	return NewConn(tc, nil), NewConn(ts, nil), s, into.feed
}

// switchable reads from another connection once that is set.
type switchable struct {
	net.Conn
	to net.Conn
}

func (s *switchable) Read(p []byte) (int, error) {
	if s.to != nil {
		return s.to.Read(p)
	}
	return s.Conn.Read(p)
}

// records sends each part as a record of its own and returns what they are on the wire.
func records(t *testing.T, sender *Conn, wire io.Reader, parts ...string) (all []byte) {
	t.Helper()
	for _, part := range parts {
		if _, err := io.WriteString(sender, part); err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 5)
		if _, err := io.ReadFull(wire, head); err != nil {
			t.Fatal(err)
		}
		body := make([]byte, int(head[3])<<8|int(head[4]))
		if _, err := io.ReadFull(wire, body); err != nil {
			t.Fatal(err)
		}
		all = append(append(all, head...), body...)
	}
	return all
}

func TestAReadTakesWhatHasComeAndWaitsForNoMore(t *testing.T) {
	sender, receiver, wire, feed := fedPair(t)
	raw := records(t, sender, wire, "one", "two", "three")
	half := len(raw) - 4 // the last is not whole
	feed <- raw[:half]
	buf := make([]byte, 100)
	if n, err := receiver.Read(buf); string(buf[:n]) != "onetwo" || err != nil {
		t.Fatalf("read %q, %v", buf[:n], err)
	}
	feed <- raw[half:]
	if n, err := receiver.Read(buf); string(buf[:n]) != "three" || err != nil {
		t.Fatalf("then %q, %v", buf[:n], err)
	}
	feed <- records(t, sender, wire, "four", "five")
	for _, want := range []string{"fou", "rfi", "ve"} { // a buffer that is full leaves the rest
		if n, err := receiver.Read(buf[:3]); string(buf[:n]) != want || err != nil {
			t.Errorf("read %q, %v, want %q", buf[:n], err, want)
		}
	}
	close(feed)
	if n, err := receiver.Read(buf); n != 0 || err == nil {
		t.Errorf("at the end: %d bytes, %v", n, err)
	}
}

func TestAnEndBehindDataIsToldAfterTheData(t *testing.T) {
	client, server, _ := batchedPair(t)
	sendAll(t, client, "last")
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(server); string(got) != "last" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestAWriteThatFailedIsTheLast(t *testing.T) {
	client, _, below := batchedPair(t)
	broken := errors.New("broken")
	below.set(broken)
	if n, err := client.Write(random(3 * record)); !errors.Is(err, broken) || n != 0 {
		t.Fatalf("%d bytes written, %v", n, err)
	}
	below.set(nil) // half a record is on its way: nothing may follow it
	for _, size := range []int{1, 3 * record} {
		if _, err := client.Write(random(size)); !errors.Is(err, broken) {
			t.Errorf("the next write says %v", err)
		}
	}
	if below.count() != 0 {
		t.Errorf("%d writes behind the failure", below.count())
	}
}

func TestCloseEndsAWriteThatTheBatchHolds(t *testing.T) {
	client, _, _ := batchedPair(t)
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := client.Write(random(8 * record)); err != nil {
				ended <- err
				return
			}
		}
	}()
	client.Close()
	<-ended
}
