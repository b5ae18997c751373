// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"crypto/tls"
	"net"
	"os"
	"sync"
)

const (
	// record is the most that one TLS record carries, in bytes (RFC 8446 section 5.1).
	record = 16 << 10
	// recordCost is above what a record adds to what it carries: its header, the content type, a nonce
	// before TLS 1.3, and the authentication tag.
	recordCost = 64
	// batchSize is the most that is held, in bytes: four records.
	batchSize = 4 * (record + recordCost)
)

var batches = sync.Pool{New: func() any { b := make([]byte, 0, batchSize); return &b }}

// Batch is a connection for TLS to run on. Go's TLS writes each record by itself, and a read gives no more than
// one, so that every 16 KiB would cost each process on the way a system call and a wake-up, which is more than their
// encryption costs. A Conn over TLS over a Batch writes the records of one Write together, and reads all that have come
// together, without ever waiting for more. By itself a Batch does nothing, and holds no memory.
//
// Its Close may be called at any time, and closes the connection below.
type Batch struct {
	net.Conn

	dry bool // what has come is all that a read may give; the reader's own

	mu   sync.Mutex // serialises writes; held over I/O, which Close releases
	held *[]byte    // what is to be written together; nil: nothing is held back
	err  error      // of a write of what had been held, whose writer had been told that it was done
}

// NewBatch returns c for TLS to run on.
func NewBatch(c net.Conn) *Batch { return &Batch{Conn: c} }

// batchBelow is the Batch that TLS runs on, or nil.
func batchBelow(c net.Conn) *Batch {
	if t, ok := c.(*tls.Conn); ok {
		b, _ := t.NetConn().(*Batch)
		return b
	}
	return nil
}

// Read gives a timeout where it would have to read the connection and must not: TLS can be read on after one.
func (b *Batch) Read(p []byte) (int, error) {
	if b.dry {
		return 0, os.ErrDeadlineExceeded
	}
	return b.Conn.Read(p)
}

// readMore fills p with what TLS can give without reading the connection. Failures are for the next read, which meets
// them again.
func (b *Batch) readMore(t net.Conn, p []byte) (n int) {
	b.dry = true
	defer func() { b.dry = false }()
	for n < len(p) {
		m, err := t.Read(p[n:])
		n += m
		if err != nil {
			break
		}
	}
	return n
}

// writeAll writes p by TLS, its records together. What it says of the bytes written in a failure is a lower bound.
func (b *Batch) writeAll(t net.Conn, p []byte) (int, error) {
	if len(p) <= record {
		return t.Write(p)
	}
	b.hold()
	n, err := t.Write(p)
	if failed := b.release(); failed != nil {
		return 0, failed
	}
	return n, err
}

// hold keeps back what is written, until release or until there is too much of it.
func (b *Batch) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = batches.Get().(*[]byte)
}

// release writes what is held, and holds nothing back from then on.
func (b *Batch) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
	batches.Put(b.held)
	b.held = nil
	return b.err
}

// flush writes what is held. After a failure nothing more is written, as nobody knows where the peer is then.
func (b *Batch) flush() {
	if len(*b.held) > 0 && b.err == nil {
		_, b.err = b.Conn.Write(*b.held)
	}
	*b.held = (*b.held)[:0]
}

// Write writes p, or keeps it as long as records are held.
func (b *Batch) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held == nil && b.err == nil {
		return b.Conn.Write(p)
	}
	if b.err == nil && len(*b.held)+len(p) > batchSize {
		b.flush()
	}
	if b.err != nil {
		return 0, b.err
	}
	*b.held = append(*b.held, p...)
	return len(p), nil
}
