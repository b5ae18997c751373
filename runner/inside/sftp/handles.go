// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// handle is an open file or directory.
type handle struct {
	fd   int
	path string     // as it was opened
	dir  *directory // nil for a file
}

// handles are those of one client. What a client is told is the place in the list, in four bytes.
type handles struct {
	all  []*handle // nil where free
	free []uint32
}

// maxHandles bounds those that are open, if the system's limit of descriptors does not.
const maxHandles = 16 << 10

func (h *handles) add(new *handle) (string, error) {
	var i uint32
	if n := len(h.free); n > 0 {
		i, h.free = h.free[n-1], h.free[:n-1]
		h.all[i] = new
	} else if len(h.all) < maxHandles {
		i = uint32(len(h.all))
		h.all = append(h.all, new)
	} else {
		unix.Close(new.fd)
		return "", unix.EMFILE
	}
	return string(binary.BigEndian.AppendUint32(nil, i)), nil
}

func (h *handles) find(name []byte) *handle {
	if len(name) != 4 {
		return nil
	}
	if i := binary.BigEndian.Uint32(name); i < uint32(len(h.all)) {
		return h.all[i]
	}
	return nil
}

// remove closes a handle. It is invalid afterwards, whatever close(2) says.
func (h *handles) remove(name []byte) error {
	found := h.find(name)
	if found == nil {
		return statusNoSuchFile
	}
	i := binary.BigEndian.Uint32(name)
	h.all[i], h.free = nil, append(h.free, i)
	return unix.Close(found.fd)
}

func (h *handles) closeAll() {
	for _, open := range h.all {
		if open != nil {
			unix.Close(open.fd)
		}
	}
	*h = handles{}
}

// file is the next field as the handle of a file.
func (s *server) file(f *fields) (*handle, error) {
	h := s.handles.find(f.bytes())
	switch {
	case f.bad:
		return nil, statusBadMessage
	case h == nil || h.dir != nil:
		return nil, statusFailure
	}
	return h, nil
}

// opened answers with a new handle.
func (s *server) opened(id uint32, h *handle) error {
	name, err := s.handles.add(h)
	if err != nil {
		return err
	}
	at := s.out.begin(fxpHandle, id)
	s.out.string(name)
	s.out.end(at)
	return nil
}

func (s *server) close(f *fields) error {
	name := f.bytes()
	if f.bad {
		return statusBadMessage
	}
	return s.handles.remove(name)
}
