// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// requests cuts a stream into packets.
type requests struct {
	from io.Reader
	b    []byte
	r, w int // what has been read of the stream and not been taken is b[r:w]
}

// inputSize holds the largest packet and the beginning of the next: as much again as a pipe gives at once.
const inputSize = 2 * (maxPacket + 4)

func newRequests(from io.Reader) *requests {
	return &requests{from: from, b: make([]byte, inputSize)}
}

// next is the next packet, if it has come whole, without its length; it is valid until the next read.
func (q *requests) next() (packet []byte, whole bool, err error) {
	have := q.b[q.r:q.w]
	if len(have) < 4 {
		return nil, false, nil
	}
	n := binary.BigEndian.Uint32(have)
	if n == 0 || n > maxPacket {
		return nil, false, fmt.Errorf("a packet of %d bytes came, and 1 to %d are allowed: is something written to the stream beside SFTP?", n, maxPacket)
	}
	if uint32(len(have)-4) < n {
		return nil, false, nil
	}
	q.r += 4 + int(n)
	return have[4 : 4+n], true, nil
}

// read reads more. It is io.EOF at the stream's end between packets.
func (q *requests) read() error {
	if q.r > 0 {
		q.w = copy(q.b, q.b[q.r:q.w])
		q.r = 0
	}
	n, err := q.from.Read(q.b[q.w:])
	q.w += n
	switch {
	case n > 0:
		return nil
	case errors.Is(err, io.EOF) && q.w > 0:
		return io.ErrUnexpectedEOF
	case err == nil:
		return io.ErrNoProgress
	}
	return err
}
