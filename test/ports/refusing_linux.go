// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package ports

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Refusing is a port of 127.0.0.1 at which a connection is refused for as long as the test runs: a socket has it and does
// not listen, so nobody else can.
func Refusing(tb testing.TB) int {
	tb.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(os.NewSyscallError("socket", err))
	}
	tb.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		tb.Fatal(os.NewSyscallError("bind", err))
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		tb.Fatal(os.NewSyscallError("getsockname", err))
	}
	return at.(*unix.SockaddrInet4).Port
}
