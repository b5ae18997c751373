// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"io"
	"sync"
)

const (
	// blockSize is the unit in which output is kept, in bytes.
	blockSize = 32 << 10
	// runningLimit bounds the unread output of a stream while the process runs.
	// When it is reached the process waits, as with a pipe.
	runningLimit = 256 << 10
	// exitedLimit bounds it from then on. The engine closes the streams two
	// seconds after the exit whether or not they were read, so all that is
	// under way must be taken in: two pipes of 64 KiB, the engine's own buffer
	// of 1 MB and the socket's. More can only come from what a process left
	// running in the background.
	exitedLimit = 16 << 20
)

type block [blockSize]byte

// blocks are shared by all sessions, so that an idle one keeps none.
var blocks = sync.Pool{New: func() any { return new(block) }}

// spool is a stream of output between the pump, which writes it, and its
// reader: a first-in-first-out buffer of bounded size. One goroutine may write
// and another read.
type spool struct {
	mu       sync.Mutex // guards all below
	readable sync.Cond
	writable sync.Cond
	full     []*block // oldest first; all but the last are filled
	start    int      // the first unread byte of the first block
	fill     int      // the number of bytes in the last block
	size     int      // unread bytes
	limit    int
	discards bool  // nobody will read: take everything and keep nothing
	end      error // what Read returns after the last byte; nil while there may be more
}

func newSpool() *spool {
	s := &spool{limit: runningLimit}
	s.readable.L, s.writable.L = &s.mu, &s.mu
	return s
}

// write appends p, and waits while the limit is reached.
func (s *spool) write(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(p) > 0 {
		for s.size >= s.limit && !s.discards {
			s.writable.Wait()
		}
		if s.discards {
			return
		}
		p = p[s.put(p):]
		s.readable.Signal()
	}
}

// put copies what fits into the last block and below the limit.
func (s *spool) put(p []byte) int {
	if len(s.full) == 0 || s.fill == blockSize {
		s.full = append(s.full, blocks.Get().(*block))
		s.fill = 0
	}
	p = p[:min(len(p), s.limit-s.size)]
	n := copy(s.full[len(s.full)-1][s.fill:], p)
	s.fill += n
	s.size += n
	return n
}

// Read waits for output. After the last byte it returns what finish was given.
func (s *spool) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.size == 0 && s.end == nil && len(p) > 0 {
		s.readable.Wait()
	}
	if s.size == 0 && len(p) > 0 {
		return 0, s.end
	}
	n := 0
	for n < len(p) && s.size > 0 {
		n += s.take(p[n:])
	}
	s.writable.Signal()
	return n, nil
}

// take copies out of the first block, and gives it back once it is empty.
func (s *spool) take(p []byte) int {
	first := s.full[0]
	end := blockSize
	if len(s.full) == 1 {
		end = s.fill
	}
	n := copy(p, first[s.start:end])
	s.start += n
	s.size -= n
	if s.start == end {
		blocks.Put(first)
		s.full = append(s.full[:0], s.full[1:]...)
		s.start = 0
	}
	return n
}

// raise sets the limit that holds once the process has exited.
func (s *spool) raise() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = exitedLimit
	s.writable.Signal()
}

// discard forgets what is unread and all that is still written.
func (s *spool) discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.full {
		blocks.Put(b)
	}
	s.full, s.start, s.fill, s.size = nil, 0, 0, 0
	s.discards = true
	if s.end == nil {
		s.end = io.EOF
	}
	s.readable.Signal()
	s.writable.Signal()
}

// finish says that nothing more will be written; err is what the reader gets.
func (s *spool) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil {
		s.end = err
	}
	s.readable.Signal()
}
