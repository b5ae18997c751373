// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"switchyard/test/ports"
)

func TestDialReachesALoopbackServiceAndHalfCloses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.Copy(c, c)
	}()
	c, err := target().Dial(context.Background(), "localhost", uint16(l.Addr().(*net.TCPAddr).Port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "hello")
	c.(interface{ CloseWrite() error }).CloseWrite()
	if b, err := io.ReadAll(c); string(b) != "hello" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	<-done
}

func TestDialSaysThatItWasRefused(t *testing.T) {
	if _, err := target().Dial(context.Background(), "127.0.0.1", uint16(ports.Refusing(t))); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the error is %v, need ECONNREFUSED", err)
	}
}
