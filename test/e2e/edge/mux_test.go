// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// What is used here of the protocol between ssh and its ControlMaster, OpenSSH's PROTOCOL.mux.
const (
	muxHello         = 0x00000001
	muxVersion       = 4
	muxNewSession    = 0x10000002
	muxExit          = 0x80000004
	muxSessionOpened = 0x80000006
	muxNoEscape      = 0xffffffff
)

// runByMaster runs a command by the ControlMaster that listens on a socket, as "ssh -S socket" does, without the time that a
// program takes to start: ten thousand of them are minutes.
func runByMaster(socket, command string) (output string, status uint32, err error) {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return "", 0, err
	}
	defer c.Close()
	if err := muxSend(c, muxHello, uint32(muxVersion)); err != nil {
		return "", 0, err
	}
	if _, err := muxExpect(c, muxHello); err != nil {
		return "", 0, err
	}
	// The request's number, what is reserved, no terminal, no X11, no agent, no subsystem, no escape, no terminal type.
	if err := muxSend(c, muxNewSession, uint32(0), "", uint32(0), uint32(0), uint32(0), uint32(0), uint32(muxNoEscape), "", command); err != nil {
		return "", 0, err
	}
	r, err := muxStreams(c)
	if err != nil {
		return "", 0, err
	}
	defer r.Close()
	if _, err := muxExpect(c, muxSessionOpened); err != nil {
		return "", 0, err
	}
	out, err := io.ReadAll(r)
	if err != nil {
		return "", 0, err
	}
	exit, err := muxExpect(c, muxExit)
	if err != nil || len(exit) != 8 {
		return string(out), 0, fmt.Errorf("%q, %v", exit, err)
	}
	return string(out), binary.BigEndian.Uint32(exit[4:]), nil
}

// muxStreams gives the master the three streams: nothing to read, and a pipe for both outputs, which it returns.
func muxStreams(c *net.UnixConn) (*os.File, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	for _, f := range []*os.File{null, w, w} { // each with a byte of its own
		if _, _, err := c.WriteMsgUnix([]byte{0}, unix.UnixRights(int(f.Fd())), nil); err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

// muxSend sends a message of numbers and strings, with its length in front.
func muxSend(c net.Conn, fields ...any) error {
	var m bytes.Buffer
	for _, f := range fields {
		switch f := f.(type) {
		case int:
			binary.Write(&m, binary.BigEndian, uint32(f))
		case uint32:
			binary.Write(&m, binary.BigEndian, f)
		case string:
			binary.Write(&m, binary.BigEndian, uint32(len(f)))
			m.WriteString(f)
		}
	}
	_, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(m.Len())), m.Bytes()...))
	return err
}

// muxExpect reads a message of that kind, and returns what follows the kind.
func muxExpect(c net.Conn, kind uint32) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	m := make([]byte, min(binary.BigEndian.Uint32(length[:]), 1<<20))
	if _, err := io.ReadFull(c, m); err != nil {
		return nil, err
	}
	if len(m) < 4 || binary.BigEndian.Uint32(m) != kind {
		return nil, fmt.Errorf("the master sent %q and not a message of type %#x", m, kind)
	}
	return m[4:], nil
}
