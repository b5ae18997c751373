// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netns

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// keepAlive finds out in about two minutes that a peer is gone.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 15 * time.Second, Count: 4}

// DialContext connects from the process's network namespace. network is "tcp"
// or "udp". The connection is a *net.TCPConn or *net.UDPConn; the error of a
// connection that was not made is a *net.OpError that holds the system's errno,
// as net.Dial's. ctx bounds the dial alone.
func (p *Process) DialContext(ctx context.Context, network string, address netip.AddrPort) (net.Conn, error) {
	conn, err := p.dial(ctx, network, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: netAddr(network, address), Err: err}
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// What net.Dial sets; best effort as there.
		_ = tcp.SetNoDelay(true)
		_ = tcp.SetKeepAliveConfig(keepAlive)
	}
	return conn, nil
}

func (p *Process) dial(ctx context.Context, network string, address netip.AddrPort) (net.Conn, error) {
	kind, err := kindOf(network)
	if err != nil {
		return nil, err
	}
	address = netip.AddrPortFrom(address.Addr().Unmap(), address.Port())
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fd, err := p.socket(familyOf(address), kind)
	if err != nil {
		return nil, err
	}
	socket := os.NewFile(uintptr(fd), network)
	defer socket.Close() // net.FileConn makes its own descriptor
	if err := connect(ctx, socket, sockaddr(address)); err != nil {
		return nil, err
	}
	return net.FileConn(socket)
}

// connect connects a non-blocking socket (connect(2), EINPROGRESS).
func connect(ctx context.Context, socket *os.File, address unix.Sockaddr) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	// A deadline in the past wakes whoever waits for the socket.
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var result error
	started := false
	err = raw.Write(func(fd uintptr) (done bool) {
		if started {
			result = pending(int(fd))
			return result != unix.EINPROGRESS
		}
		started = true
		result = unix.Connect(int(fd), address)
		return result != unix.EINPROGRESS && result != unix.EINTR // both go on by themselves
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case result != nil:
		return os.NewSyscallError("connect", result)
	}
	return nil
}

// pending is the outcome of a connect under way.
func pending(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err
	}
	if code != 0 {
		return unix.Errno(code)
	}
	// The poller may wake without cause; only a peer proves the connection.
	if _, err := unix.Getpeername(fd); err == unix.ENOTCONN {
		return unix.EINPROGRESS
	}
	return nil
}

func kindOf(network string) (int, error) {
	switch network {
	case "tcp":
		return unix.SOCK_STREAM, nil
	case "udp":
		return unix.SOCK_DGRAM, nil
	}
	return 0, net.UnknownNetworkError(network)
}

func familyOf(address netip.AddrPort) int {
	if address.Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sockaddr(address netip.AddrPort) unix.Sockaddr {
	if address.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(address.Port()), Addr: address.Addr().As16(), ZoneId: zone(address.Addr().Zone())}
}

// zone is the scope of a link-local address, which must be a number: a name
// would have to be looked up in the other namespace.
func zone(name string) uint32 {
	id, _ := strconv.ParseUint(name, 10, 32)
	return uint32(id)
}

func netAddr(network string, address netip.AddrPort) net.Addr {
	if network == "udp" {
		return net.UDPAddrFromAddrPort(address)
	}
	return net.TCPAddrFromAddrPort(address)
}
