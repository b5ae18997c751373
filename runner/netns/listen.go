// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netns

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"switchyard/runner/listen"
)

// backlog is how many connections may wait to be accepted; the namespace's own
// net.core.somaxconn bounds it.
const backlog = 4096

// Listen listens in the process's network namespace. network is "tcp4", "tcp6",
// or "tcp", which for the unspecified IPv6 address is all addresses of both
// families. The listener is a *net.TCPListener and stays in the namespace, which
// lives as long as it does; errors as DialContext's.
func (p *Process) Listen(network string, address netip.AddrPort) (net.Listener, error) {
	l, err := p.listen(network, address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: net.TCPAddrFromAddrPort(address), Err: err}
	}
	return l, nil
}

func (p *Process) listen(network string, address netip.AddrPort) (net.Listener, error) {
	fd, err := p.socket(familyOf(address), unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	socket := os.NewFile(uintptr(fd), network)
	defer socket.Close() // net.FileListener makes its own descriptor
	if err := bindAndListen(fd, address, network == "tcp6"); err != nil {
		return nil, err
	}
	return net.FileListener(socket)
}

// bindAndListen needs not be in the namespace: the socket is.
func bindAndListen(fd int, address netip.AddrPort, only6 bool) error {
	// As net.Listen: a port whose last connections linger is free again.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if address.Addr().Is6() {
		value := 0
		if only6 {
			value = 1
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, value); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, sockaddr(address)); err != nil {
		return os.NewSyscallError("bind", err)
	}
	return os.NewSyscallError("listen", unix.Listen(fd, backlog))
}

// MayBind refuses a port that the namespace reserves for root to every other
// uid, as listen.MayBind. The kernel itself would not: it sees who we are.
func (p *Process) MayBind(uid uint32, port uint16) error {
	if uid == 0 || port == 0 {
		return nil
	}
	content, err := p.readInNetwork(listen.UnprivilegedPortFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return listen.MayBind(uid, port, content)
}

// readInNetwork reads one of our own /proc's files that show the network
// namespace of the thread that opens them.
func (p *Process) readInNetwork(path string) (content []byte, err error) {
	entering <- struct{}{}
	defer func() { <-entering }()
	onThread(func() bool {
		if err = p.enter(unix.CLONE_NEWNET); err != nil {
			return true
		}
		content, err = os.ReadFile(path)
		return unix.Setns(int(p.home.Fd()), unix.CLONE_NEWNET) == nil
	})
	return content, err
}
