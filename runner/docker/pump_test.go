// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

// frame is one of a multiplexed connection.
func frame(stream byte, text string) string {
	header := make([]byte, frameHeader)
	header[0] = stream
	binary.BigEndian.PutUint32(header[4:], uint32(len(text)))
	return string(header) + text
}

// pumped pumps a connection's bytes and reads both streams.
func pumped(in io.Reader) (stdout, stderr string, err error) {
	out, errs := newSpool(), newSpool()
	out.raise()
	errs.raise()
	err = pump(in, out, errs)
	out.finish(io.EOF)
	errs.finish(io.EOF)
	o, _ := io.ReadAll(out)
	e, _ := io.ReadAll(errs)
	return string(o), string(e), err
}

func TestFramesGoToTheirStreams(t *testing.T) {
	big := strings.Repeat("0123456789", 20000)
	text := frame(1, "a") + frame(2, "b") + frame(0, "c") + frame(3, "d") + frame(1, "") + frame(1, big)
	for name, in := range map[string]io.Reader{
		"at once":      strings.NewReader(text),
		"byte by byte": iotest.OneByteReader(strings.NewReader(text)),
		"by halves":    iotest.HalfReader(strings.NewReader(text)),
		"end and data": iotest.DataErrReader(strings.NewReader(text)),
	} {
		if stdout, stderr, err := pumped(in); stdout != "ac"+big || stderr != "bd" || err != io.EOF {
			t.Errorf("%s: %d and %q, %v", name, len(stdout), stderr, err)
		}
	}
}

func TestABrokenConnectionIsNoEnd(t *testing.T) {
	for name, text := range map[string]string{
		"in a header": frame(1, "a")[:5], "in a frame": frame(1, "abc")[:10], "no stream": frame(7, "a"),
	} {
		if _, _, err := pumped(strings.NewReader(text)); err == nil || err == io.EOF {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzPump(f *testing.F) {
	f.Add([]byte(frame(1, "out") + frame(2, "err")))
	f.Add([]byte(frame(9, "x")))
	f.Fuzz(func(t *testing.T, wire []byte) {
		stdout, stderr, err := pumped(bytes.NewReader(wire))
		if err == nil || len(stdout)+len(stderr) > len(wire) {
			t.Errorf("%d and %d bytes of %d, %v", len(stdout), len(stderr), len(wire), err)
		}
	})
}

func TestASpoolHoldsUpItsWriterAtItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpool()
		text := bytes.Repeat([]byte("0123456789abcde"), 100_000)
		go func() {
			s.write(text)
			s.finish(io.EOF)
		}()
		synctest.Wait()
		if s.size != runningLimit {
			t.Errorf("%d bytes are kept, want %d", s.size, runningLimit)
		}
		s.raise() // the process has exited
		synctest.Wait()
		if s.size != len(text) {
			t.Errorf("after the exit %d bytes are kept, want %d", s.size, len(text))
		}
		if got, err := io.ReadAll(s); !bytes.Equal(got, text) || err != nil {
			t.Errorf("%d bytes came out, %v", len(got), err)
		}
		if len(s.full) > 0 {
			t.Errorf("%d blocks are kept for nothing", len(s.full))
		}
	})
}

func TestADiscardingSpoolHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpool()
		go func() {
			for range 100 {
				s.write(make([]byte, runningLimit))
			}
		}()
		read := make(chan error, 1)
		synctest.Wait()
		s.discard()
		synctest.Wait()
		go func() {
			_, err := s.Read(make([]byte, 1))
			read <- err
		}()
		if err := <-read; err != io.EOF {
			t.Errorf("got %v", err)
		}
	})
}

func TestASpoolEndsWithWhatItWasGiven(t *testing.T) {
	s := newSpool()
	s.write([]byte("last"))
	lost := errors.New("lost")
	s.finish(lost)
	s.finish(io.EOF)
	if got, err := io.ReadAll(s); string(got) != "last" || err != lost {
		t.Errorf("%q, %v", got, err)
	}
	if n, err := s.Read(nil); n != 0 || err != nil {
		t.Errorf("reading nothing: %d, %v", n, err)
	}
}

func TestASpoolKeepsTheOrderOfBytes(t *testing.T) {
	s := newSpool()
	text := bytes.Repeat([]byte(everyByte(1<<12)), 1000)
	var wg sync.WaitGroup
	wg.Go(func() {
		for rest, n := text, 1; len(rest) > 0; n = n*7%40961 + 1 {
			n = min(n, len(rest))
			s.write(rest[:n])
			rest = rest[n:]
		}
		s.finish(io.EOF)
	})
	got, err := io.ReadAll(s)
	if !bytes.Equal(got, text) || err != nil {
		t.Errorf("%d bytes of %d, %v", len(got), len(text), err)
	}
	wg.Wait()
}
