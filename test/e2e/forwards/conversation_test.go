// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package forwards

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync/atomic"
	"testing"
)

// A conversation is what one connection through a forward is for. The end that connects says which it is, in its first
// bytes, and both ends act by that.
type conversation struct {
	Kind        uint32 // see below
	Chunk       uint32 // bytes of a write
	Seed        uint64
	Forth, Back uint32 // bytes each way
}

const (
	halfCloses    = iota // both send, each ends its direction, both read to the end
	closesFirst          // the one that connected sends and closes at once
	closedByOther        // the other sends and closes at once
	resets               // the one that connected resets somewhere in the middle: nothing is promised
	kinds
)

func newConversation(r *rand.Rand) conversation {
	return conversation{Kind: uint32(r.IntN(kinds)), Chunk: uint32(1000 + r.IntN(40_000)), Seed: r.Uint64(),
		Forth: uint32(r.IntN(300_000)), Back: uint32(r.IntN(300_000))}
}

func (c conversation) forth() []byte { return c.data(1, c.Forth) }
func (c conversation) back() []byte  { return c.data(2, c.Back) }

// data is what goes one way.
func (c conversation) data(salt uint64, n uint32) []byte {
	b := make([]byte, n)
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], c.Seed^salt)
	rand.NewChaCha8(seed).Read(b)
	return b
}

// call is the end that connects.
func (c conversation) call(conn *net.TCPConn) error {
	defer conn.Close()
	if err := binary.Write(conn, binary.BigEndian, c); err != nil {
		return err
	}
	switch c.Kind {
	case closesFirst:
		return c.write(conn, c.forth())
	case closedByOther:
		return expect(conn, c.back())
	case resets:
		conn.Write(c.forth())
		io.CopyN(io.Discard, conn, int64(c.Back/2))
		return conn.SetLinger(0)
	}
	return c.both(conn, c.forth(), c.back())
}

// answer is the other end. The error of a conversation that is reset is nil.
func answer(conn *net.TCPConn) (c conversation, err error) {
	if err := binary.Read(conn, binary.BigEndian, &c); err != nil {
		return conversation{Kind: resets}, nil // it was reset before it began
	}
	switch c.Kind {
	case closesFirst:
		return c, expect(conn, c.forth())
	case closedByOther:
		return c, c.write(conn, c.back())
	case resets:
		conn.Write(c.back())
		io.Copy(io.Discard, conn)
		return c, nil
	}
	return c, c.both(conn, c.back(), c.forth())
}

// both sends and expects at once.
func (c conversation) both(conn *net.TCPConn, send, want []byte) error {
	wrote := make(chan error, 1)
	go func() { wrote <- errors.Join(c.write(conn, send), conn.CloseWrite()) }()
	return errors.Join(expect(conn, want), <-wrote)
}

func (c conversation) write(w io.Writer, b []byte) error {
	for chunk := range slices.Chunk(b, int(c.Chunk)) {
		if _, err := w.Write(chunk); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
	}
	return nil
}

// expect reads to the end.
func expect(r io.Reader, want []byte) error {
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		return fmt.Errorf("%d bytes came of %d, or others (%v)", len(got), len(want), err)
	}
	return nil
}

// answering is an end that answers, and counts the conversations that it has had in full.
type answering struct {
	t     *testing.T
	whole atomic.Int32
}

func (a *answering) serve(conn *net.TCPConn) {
	switch c, err := answer(conn); {
	case err != nil:
		a.t.Errorf("the end that answers, kind %d: %v", c.Kind, err)
	case c.Kind != resets:
		a.whole.Add(1)
	}
}
