// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"encoding/binary"
	"strings"
)

// fields reads the fields of a packet in their order. Behind the first that is not there, every one is zero.
type fields struct {
	rest []byte
	bad  bool
}

// err is statusBadMessage when a field was not there. What follows the last is ignored, as by OpenSSH.
func (f *fields) err() error {
	if f.bad {
		return statusBadMessage
	}
	return nil
}

// take is the next n bytes, of the packet's own.
func (f *fields) take(n uint32) []byte {
	if f.bad || uint64(len(f.rest)) < uint64(n) {
		f.bad = true
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) uint8() byte {
	if b := f.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (f *fields) uint32() uint32 {
	if b := f.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (f *fields) uint64() uint64 {
	if b := f.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// bytes is a string's content, valid as long as the packet.
func (f *fields) bytes() []byte { return f.take(f.uint32()) }

func (f *fields) string() string { return string(f.bytes()) }

// path is a string that the system can be given: any bytes but NUL.
func (f *fields) path() string {
	s := f.string()
	if strings.IndexByte(s, 0) >= 0 {
		f.bad = true
	}
	return s
}

// offset is a place in a file. One beyond what the system can count is none.
func (f *fields) offset() int64 {
	n := int64(f.uint64())
	if n < 0 {
		f.bad = true
		return 0
	}
	return n
}
