// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// One listens on one address. network is "tcp4", "tcp6", or, for the unspecified IPv6 address alone,
// "tcp": all addresses of both families by one socket. Errors match the system's errno.
type One func(network string, address netip.AddrPort) (net.Listener, error)

// tries is how often a free port is looked for that all loopback addresses have.
const tries = 16

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
)

// On listens on a host: "" is all addresses of all families, "localhost" the loopback addresses of all
// families, anything else an address without brackets. With port 0 the system chooses one, the same for
// all addresses. A family that the system does not have is left out; an address that is in use is an
// error even when the other is free, as half of a service would serve some of its clients and not others.
func On(one One, host string, port uint16) (net.Listener, error) {
	switch host {
	case "":
		return everywhere(one, port)
	case "localhost":
		return loopback(one, port)
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: this is not an address", host)
	}
	address = address.Unmap()
	return one(family(address), netip.AddrPortFrom(address, port))
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "tcp4"
	}
	return "tcp6"
}

func everywhere(one One, port uint16) (net.Listener, error) {
	l, err := one("tcp", netip.AddrPortFrom(netip.IPv6Unspecified(), port))
	if lacksFamily(err) {
		return one("tcp4", netip.AddrPortFrom(netip.IPv4Unspecified(), port))
	}
	return l, err
}

// loopback tries again where the port that the system chose for one family is in use in the other.
func loopback(one One, port uint16) (l net.Listener, err error) {
	for range tries {
		l, err = bothLoopbacks(one, port)
		if port != 0 || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return l, err
}

func bothLoopbacks(one One, port uint16) (net.Listener, error) {
	four, err := one("tcp4", netip.AddrPortFrom(loopback4, port))
	if lacksFamily(err) {
		return one("tcp6", netip.AddrPortFrom(loopback6, port))
	}
	if err != nil {
		return nil, err
	}
	chosen := four.Addr().(*net.TCPAddr).AddrPort().Port()
	six, err := one("tcp6", netip.AddrPortFrom(loopback6, chosen))
	if lacksFamily(err) {
		return four, nil
	}
	if err != nil {
		four.Close()
		return nil, err
	}
	return newBoth(four, six), nil
}

// lacksFamily tells that the system does not have the family, or not the address: a loopback without ::1
// is how a system looks where IPv6 is switched off.
func lacksFamily(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EPROTONOSUPPORT)
}
