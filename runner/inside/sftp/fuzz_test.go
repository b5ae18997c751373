// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// Nothing here reaches the file system: a fuzzer that could remove files would.

// FuzzPackets cuts any stream into the same packets, however it arrives.
func FuzzPackets(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x05\x01\x00\x00\x00\x03\x00\x00\x00\x01x"))
	f.Add([]byte("Welcome"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, wholeErr := cut(bytes.NewReader(stream))
		bytewise, bytewiseErr := cut(iotest.OneByteReader(bytes.NewReader(stream)))
		if !bytes.Equal(whole, bytewise) || (wholeErr == nil) != (bytewiseErr == nil) {
			t.Errorf("%x, %v and %x, %v", whole, wholeErr, bytewise, bytewiseErr)
		}
		if !bytes.HasPrefix(stream, whole) {
			t.Errorf("the packets %x are not the stream's", whole)
		}
	})
}

// cut returns the packets with their lengths, one behind the other.
func cut(from io.Reader) (all []byte, err error) {
	for q := newRequests(from); ; {
		packet, whole, err := q.next()
		if err != nil {
			return all, err
		}
		if whole {
			all = append(binary.BigEndian.AppendUint32(all, uint32(len(packet))), packet...)
			continue
		}
		if err := q.read(); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return all, err
		}
	}
}

// FuzzAttributes reads attributes, and what it writes of them it reads the same.
func FuzzAttributes(f *testing.F) {
	r := &replies{}
	r.attrs(attrs{flags: attrSize | attrUIDGID | attrPermissions | attrTimes, size: 1 << 40, uid: 1, gid: 2, mode: 0o100644, atime: 3, mtime: 4})
	f.Add(r.b)
	f.Add([]byte("\x80\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x01a\x00\x00\x00\x01b"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		in := &fields{rest: packet}
		a := in.attrs()
		if in.bad {
			return
		}
		a.flags &= attrSize | attrUIDGID | attrPermissions | attrTimes
		r := &replies{}
		r.attrs(a)
		again := &fields{rest: r.b}
		if b := again.attrs(); b != a || again.bad || len(again.rest) > 0 {
			t.Errorf("%+v becomes %+v", a, b)
		}
	})
}

// FuzzFields never reads beyond a packet.
func FuzzFields(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x03abc\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		in := &fields{rest: packet}
		path := in.path()
		in.uint8()
		in.uint32()
		in.offset()
		if !in.bad && bytes.IndexByte([]byte(path), 0) >= 0 {
			t.Errorf("the path %q was taken", path)
		}
		if in.bad && in.err() == nil {
			t.Error("a field that is not there is no error")
		}
		if in.bad && (in.uint64() != 0 || in.bytes() != nil) {
			t.Error("behind a field that is not there, there is one")
		}
	})
}
