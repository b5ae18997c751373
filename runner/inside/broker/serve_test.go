// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package broker

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.VerifyNoLeaks(m)) }

// served is a server, the runner's end, and what serve returns.
func served(t *testing.T, s *server) (runner *net.UnixConn, result chan error) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	runner, s.conn = packets(t, fds[0]), packets(t, fds[1])
	result = make(chan error, 1)
	go func() { result <- s.serve(t.Context()) }()
	t.Cleanup(func() { runner.Close() })
	if hello, err := Decode[Hello](receive(t, runner)); err != nil || hello.Version != Version {
		t.Fatalf("it says %+v, %v", hello, err)
	}
	return runner, result
}

func packets(t *testing.T, fd int) *net.UnixConn {
	t.Helper()
	f := os.NewFile(uintptr(fd), "packets")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.UnixConn)
}

func receive(t *testing.T, c *net.UnixConn) []byte {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(time.Minute)) // only bounds a failure
	packet := make([]byte, MaxMessage)
	n, err := c.Read(packet)
	if err != nil {
		t.Fatal(err)
	}
	return packet[:n]
}

func ask(t *testing.T, c *net.UnixConn, r Request) {
	t.Helper()
	packet, err := Encode(r)
	if err == nil {
		_, err = c.Write(packet)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func expectErrno(t *testing.T, c *net.UnixConn, id uint64, want unix.Errno) {
	t.Helper()
	if got, err := Decode[Reply](receive(t, c)); err != nil || got.ID != id || unix.Errno(got.Errno) != want {
		t.Errorf("the answer is %+v, %v, want %d of %d", got, err, want, id)
	}
}

// fill has as many requests hang as are worked on at once.
func (s *server) fill() {
	for range maxAtOnce {
		s.slots <- struct{}{}
	}
}

func TestTheEndIsSeenAndWhatWasMadeGoesWhateverHangs(t *testing.T) {
	s := newServer(nil)
	s.slotWait = time.Hour
	runner, result := served(t, s)
	path := filepath.Join(t.TempDir(), "socket")
	ask(t, runner, Request{ID: 1, Op: Listen, Path: []byte(path)})
	expectErrno(t, runner, 1, 0)
	s.fill()
	for id := range uint64(2 * maxAtOnce) {
		ask(t, runner, Request{ID: 2 + id, Op: Dial, Path: []byte(path)})
	}
	runner.Close()
	select {
	case err := <-result:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the end is not seen")
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket: %v", err)
	}
}

func TestARequestWhoseTurnDoesNotComeIsToldSo(t *testing.T) {
	s := newServer(nil)
	s.slotWait = time.Millisecond
	runner, _ := served(t, s)
	s.fill()
	for id := range uint64(2) {
		ask(t, runner, Request{ID: 1 + id, Op: Dial, Path: []byte("/no/such/socket")})
		expectErrno(t, runner, 1+id, unix.EBUSY)
	}
	runner.Close()
}

func TestARequestWaitsForItsTurn(t *testing.T) {
	s := newServer(nil)
	s.slotWait = time.Hour
	runner, _ := served(t, s)
	s.fill()
	ask(t, runner, Request{ID: 1, Op: Dial, Path: []byte("/no/such/socket")})
	<-s.slots
	expectErrno(t, runner, 1, unix.ENOENT)
	runner.Close()
}
