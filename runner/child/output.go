// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package child

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxRest bounds what end takes out of a pipe or terminal: more than either can hold, less than a
// process that goes on writing for ever could fill.
const maxRest = 4 * pipeSize

// past is a deadline that ends whatever waits.
var past = time.Unix(1, 0)

// output is one of a process's outputs. It ends when all who could write to it are gone, or when
// finish ends it; either way everything written before is read first.
type output struct {
	file *os.File
	raw  syscall.RawConn

	ending sync.Once // whoever comes late waits: behind end, the file may be closed

	// mu orders reads. Read holds it over I/O; end first makes that I/O return.
	mu       sync.Mutex
	finished bool
	rest     []byte // what was in the pipe at its end
}

func newOutput(f *os.File) (*output, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &output{file: f, raw: raw}, nil
}

func (o *output) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.finished {
		return o.readRest(p)
	}
	n, err := again(o.file.Read, p)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return o.readNow(p) // end waits for the lock
	case errors.Is(err, unix.EIO):
		err = io.EOF // a terminal's way to say that its other side is closed, pty(7)
	}
	return n, err
}

// again reads, and once more when the other side of a terminal is closed. Linux looks for data first and for the close
// then (n_tty_read in its n_tty.c): of what is written and followed by the close between the two, the first
// EIO knows nothing. It was seen on Linux 6.18, in one of about eight thousand processes that ended with a burst, side by side.
func again(read func([]byte) (int, error), p []byte) (n int, err error) {
	if n, err = read(p); errors.Is(err, unix.EIO) {
		n, err = read(p)
	}
	return n, err
}

func (o *output) readRest(p []byte) (int, error) {
	if len(o.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, o.rest)
	o.rest = o.rest[n:]
	return n, nil
}

// readNow reads what is there without waiting, and then says io.EOF.
func (o *output) readNow(p []byte) (n int, err error) {
	raw := o.raw.Control(func(fd uintptr) {
		n, err = again(func(p []byte) (int, error) { return uninterrupted(int(fd), p) }, p)
	})
	if raw != nil || err != nil || n <= 0 {
		return 0, io.EOF
	}
	return n, nil
}

func uninterrupted(fd int, p []byte) (n int, err error) {
	for {
		if n, err = unix.Read(fd, p); err != unix.EINTR {
			return n, err
		}
	}
}

// finish ends the output though somebody may still hold its other end, and closes it. What has been
// written so far can be read after.
func (o *output) finish() {
	if o.end(true) {
		o.file.Close()
	}
}

// abort closes the output: whoever writes to it finds it broken, and nothing more can be read.
func (o *output) abort() {
	if o.end(false) {
		o.file.Close()
	}
}

// leave ends the output for its reader, as finish does, and takes from then on what is still written, for nobody, until
// nobody holds the other end any more. A terminal that nobody has open is opened again perhaps, as long as its
// leader, whose exit closes the channel, lives; nil is for pipes, and for terminals that have lost their leader.
func (o *output) leave(leader <-chan struct{}) {
	if o.end(true) {
		go o.drain(leader)
	}
}

// end ends the output for its reader, who can still read what is there if rest is set. It is false when that
// was done before; it has been done when this returns.
func (o *output) end(rest bool) (first bool) {
	o.ending.Do(func() {
		first = true
		o.file.SetReadDeadline(past)
		o.mu.Lock()
		defer o.mu.Unlock()
		if rest {
			o.takeRest()
		}
		o.finished = true
	})
	return first
}

func (o *output) takeRest() {
	buf := make([]byte, 32<<10)
	for len(o.rest) < maxRest {
		n, err := o.readNow(buf)
		if err != nil {
			break
		}
		o.rest = append(o.rest, buf[:n]...)
	}
}

// reopenPause is how often a terminal that nobody has open is looked at.
const reopenPause = time.Second

func (o *output) drain(leader <-chan struct{}) {
	defer o.file.Close()
	o.file.SetReadDeadline(time.Time{})
	buf := make([]byte, 4<<10)
	for {
		_, err := o.file.Read(buf)
		switch {
		case err == nil:
		case errors.Is(err, unix.EIO) && leader != nil:
			if exited(leader, reopenPause) {
				leader = nil
			}
		default:
			return
		}
	}
}

// exited waits for a while, and tells whether the channel was closed.
func exited(leader <-chan struct{}, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-leader:
		return true
	case <-timer.C:
		return false
	}
}
