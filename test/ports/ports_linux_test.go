// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package ports

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
)

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func TestAFreePortCanBeListenedOnAndIsGivenOnce(t *testing.T) {
	given := map[int]bool{}
	for range 50 {
		port := Free(t)
		if given[port] || port >= chosen() {
			t.Errorf("port %d was given, and before: %v; the system chooses from %d on", port, given[port], chosen())
		}
		given[port] = true
		l, err := net.Listen("tcp", address(port))
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
}

func TestAPortIsItsTestsUntilThatEnds(t *testing.T) {
	port := 0
	t.Run("one", func(t *testing.T) {
		port = Free(t)
		if reserve(t, port) {
			t.Error("it was given twice")
		}
	})
	if !reserve(t, port) {
		t.Error("it stays taken")
	}
}

func TestAPortThatIsListenedOnIsNotGiven(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if reserve(t, l.Addr().(*net.TCPAddr).Port) {
		t.Error("it was")
	}
}

func TestARefusingPortRefusesAndIsNobodyElses(t *testing.T) {
	port := Refusing(t)
	if conn, err := net.Dial("tcp", address(port)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialling: %v, %v", conn, err)
	}
	if l, err := net.Listen("tcp", address(port)); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("listening: %v, %v", l, err)
	}
}
