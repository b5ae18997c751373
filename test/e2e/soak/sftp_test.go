// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"encoding/binary"
	"fmt"
	"io"

	gossh "golang.org/x/crypto/ssh"

	"switchyard/test/e2e/internal/leftover"
)

// What is used here of SFTP, version 3 (draft-ietf-secsh-filexfer-02 section 3).
const (
	fxpInit, fxpVersion, fxpOpen, fxpRead, fxpWrite = 1, 2, 3, 5, 6
	fxpStatus, fxpHandle, fxpData                   = 101, 102, 103
	forReading, forWriting                          = 1, 2 | 8 // and created
	sftpChunk, sftpAhead                            = 32 << 10, 128
)

// uploads leaves an SFTP session in the middle of a packet that writes to a file.
func uploads(s *soakSession) error {
	handle, err := s.openFile("/tmp/"+leftover.Upload, forWriting)
	if err != nil {
		return err
	}
	for offset := range uint64(2) {
		s.send(fxpWrite, struct {
			ID     uint32
			Handle string
			Offset uint64
			Data   []byte
		}{1, handle, offset * sftpChunk, make([]byte, sftpChunk)})
	}
	if _, err := s.expect(fxpStatus); err != nil {
		return err
	}
	// The length of a packet of which no more comes than its kind.
	_, err = s.in.Write(append(binary.BigEndian.AppendUint32(nil, sftpChunk), fxpWrite))
	return err
}

// downloads leaves an SFTP session with more data on its way than anything between the file and its reader holds.
func downloads(s *soakSession) error {
	handle, err := s.openFile("/dev/zero", forReading)
	if err != nil {
		return err
	}
	for i := range uint64(sftpAhead) {
		s.send(fxpRead, struct {
			ID     uint32
			Handle string
			Offset uint64
			Length uint32
		}{1, handle, i * sftpChunk, sftpChunk})
	}
	_, err = s.expect(fxpData)
	return err
}

// openFile begins with SFTP, opens a file and returns its handle.
func (s *soakSession) openFile(path string, flags uint32) (string, error) {
	s.send(fxpInit, struct{ Version uint32 }{3})
	if _, err := s.expect(fxpVersion); err != nil {
		return "", err
	}
	s.send(fxpOpen, struct {
		ID           uint32
		Path         string
		Flags, Attrs uint32
	}{1, path, flags, 0})
	answer, err := s.expect(fxpHandle)
	if err != nil {
		return "", err
	}
	var opened struct {
		ID     uint32
		Handle string
	}
	err = gossh.Unmarshal(answer, &opened)
	return opened.Handle, err
}

// send sends a packet. An error shows in what is expected next.
func (s *soakSession) send(kind byte, message any) {
	payload := append([]byte{kind}, gossh.Marshal(message)...)
	s.in.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...))
}

// expect reads a packet of that kind, and returns what follows the kind.
func (s *soakSession) expect(kind byte) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(s.out, length[:]); err != nil {
		return nil, err
	}
	packet := make([]byte, min(binary.BigEndian.Uint32(length[:]), 1<<20))
	if _, err := io.ReadFull(s.out, packet); err != nil {
		return nil, err
	}
	if len(packet) == 0 || packet[0] != kind {
		return nil, fmt.Errorf("the sftp server sent %.80q and not a packet of type %d", packet, kind)
	}
	return packet[1:], nil
}
