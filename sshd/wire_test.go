// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
)

// writes is a transport that keeps what each write wrote.
type writes struct {
	net.Conn
	lengths []int
	bytes   []byte
	fails   error
	closed  chan struct{}
}

func (w *writes) Write(p []byte) (int, error) {
	w.lengths = append(w.lengths, len(p))
	w.bytes = append(w.bytes, p...)
	return len(p), w.fails
}

func (w *writes) Close() error { close(w.closed); return nil }

func TestWireJoinsTheTwoPartsOfALongPacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under := &writes{closed: make(chan struct{})}
		w := newWire(under)
		var want []byte
		for i, n := range []int{10, 4096, 28000, 4096, 4096, 1, 36, 4095} {
			part := slices.Repeat([]byte{byte(i)}, n)
			want = append(want, part...)
			if wrote, err := w.Write(part); wrote != n || err != nil {
				t.Fatal(wrote, err)
			}
		}
		if got := []int{10, 32096, 8192, 1, 36, 4095}; !slices.Equal(under.lengths, got) || string(under.bytes) != string(want) {
			t.Errorf("wrote %v, want %v", under.lengths, got)
		}
	})
}

func TestWireWritesAFirstPartThatHasNoSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := memoryPair()
		w := newWire(far)
		w.Write(make([]byte, libraryBuffer))
		if _, err := io.ReadFull(near, make([]byte, libraryBuffer)); err != nil { // in the time that only synctest passes
			t.Error(err)
		}
		near.Close()
	})
}

func TestWireFailsForGoodWhenALateWriteFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		under := &writes{fails: broken, closed: make(chan struct{})}
		w := newWire(under)
		if _, err := w.Write(make([]byte, libraryBuffer)); err != nil {
			t.Fatal(err)
		}
		<-under.closed
		if _, err := w.Write([]byte("x")); err != broken {
			t.Errorf("got %v, want the late write's error", err)
		}
	})
}
