// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// readSize is how much is read from the engine at once, in bytes: two of the
// frames that it writes.
const readSize = 64 << 10

// The streams of a multiplexed connection, by the first byte of a frame's
// header; the header's last four bytes are the frame's length, big endian
// (Docker Engine API, ContainerAttach).
const (
	frameHeader = 8
	frameStdin  = 0 // means stdout, by that same page
	frameStdout = 1
	frameStderr = 2
	frameSystem = 3 // an error of the engine itself
)

// pump moves the output of a process from the engine's connection to its
// spools until it ends, and returns why. A spool that is full stops both
// streams, since they share the connection; both go into one SSH channel with
// one window, so a peer that stalls one stalls both anyway.
//
// With a terminal, stderr is nil and the connection carries plain bytes.
func pump(connection io.Reader, stdout, stderr *spool) error {
	in := bufio.NewReaderSize(connection, readSize)
	if stderr == nil {
		return copyAll(stdout, in)
	}
	for {
		stream, length, err := readHeader(in)
		if err != nil {
			return err
		}
		to := stdout
		switch stream {
		case frameStdin, frameStdout:
		case frameStderr, frameSystem:
			to = stderr
		default:
			return fmt.Errorf("the engine sent a frame of unknown stream %d", stream)
		}
		if err := copyFrame(to, in, length); err != nil {
			return err
		}
	}
}

// readHeader reads the header of a frame; io.EOF is the end between frames.
func readHeader(in *bufio.Reader) (stream byte, length int64, err error) {
	header, err := in.Peek(frameHeader)
	if errors.Is(err, io.EOF) && len(header) > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, 0, err
	}
	stream, length = header[0], int64(binary.BigEndian.Uint32(header[4:]))
	_, err = in.Discard(frameHeader)
	return stream, length, err
}

func copyFrame(to *spool, in *bufio.Reader, length int64) error {
	for length > 0 {
		n, err := copySome(to, in, length)
		length -= n
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyAll(to *spool, in *bufio.Reader) error {
	for {
		if _, err := copySome(to, in, readSize); err != nil {
			return err
		}
	}
}

// copySome copies what has arrived, at least a byte and at most limit, without
// a buffer in between.
func copySome(to *spool, in *bufio.Reader, limit int64) (int64, error) {
	if _, err := in.Peek(1); err != nil {
		return 0, err
	}
	some, _ := in.Peek(int(min(limit, int64(in.Buffered()))))
	to.write(some)
	_, err := in.Discard(len(some))
	return int64(len(some)), err
}
