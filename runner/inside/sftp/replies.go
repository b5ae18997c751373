// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"encoding/binary"
	"io"
)

// replies gathers answers, so that those to requests that came together leave together.
type replies struct {
	to io.Writer
	b  []byte
}

// flushAt is how much is gathered at most before it is sent, in bytes, but for the last answer. An answer of the largest
// size leaves alone: the reader works on it while the next is made, and it fits a pipe of 256 KiB.
const flushAt = 128 << 10

func (r *replies) flush() error {
	if len(r.b) == 0 {
		return nil
	}
	_, err := r.to.Write(r.b)
	r.b = r.b[:0]
	return err
}

// begin begins a packet, and end ends it; at is where it begins.
func (r *replies) begin(kind byte, id uint32) (at int) {
	at = len(r.b)
	r.uint32(0) // the length
	r.b = append(r.b, kind)
	r.uint32(id)
	return at
}

func (r *replies) end(at int) {
	binary.BigEndian.PutUint32(r.b[at:], uint32(len(r.b)-at-4))
}

// drop takes back what was begun.
func (r *replies) drop(at int) { r.b = r.b[:at] }

// room makes space for n more bytes and returns it. grow takes as much of it into the packet as was filled.
func (r *replies) room(n int) []byte {
	if cap(r.b)-len(r.b) < n {
		bigger := make([]byte, len(r.b), 2*cap(r.b)+n)
		copy(bigger, r.b)
		r.b = bigger
	}
	return r.b[len(r.b) : len(r.b)+n]
}

func (r *replies) grow(n int) { r.b = r.b[:len(r.b)+n] }

func (r *replies) uint32(n uint32) { r.b = binary.BigEndian.AppendUint32(r.b, n) }
func (r *replies) uint64(n uint64) { r.b = binary.BigEndian.AppendUint64(r.b, n) }

func (r *replies) string(s string) {
	r.uint32(uint32(len(s)))
	r.b = append(r.b, s...)
}

func (r *replies) status(id uint32, err error) {
	code, text := statusOf(err)
	at := r.begin(fxpStatus, id)
	r.uint32(uint32(code))
	r.string(text)
	r.string("en") // language tag, RFC 3066
	r.end(at)
}

// name is the answer of one name without attributes.
func (r *replies) name(id uint32, name string) {
	at := r.begin(fxpName, id)
	r.uint32(1)
	r.string(name)
	r.string(name)
	r.attrs(attrs{})
	r.end(at)
}

// version is the answer to SSH_FXP_INIT, which has no id.
func (r *replies) version() {
	at := len(r.b)
	r.uint32(0)
	r.b = append(r.b, fxpVersion)
	r.uint32(version)
	for _, e := range extensions {
		r.string(e[0])
		r.string(e[1])
	}
	r.end(at)
}
