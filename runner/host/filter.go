// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// errNoNameServer keeps the resolver from asking one.
var errNoNameServer = errors.New("no name server is asked")

// filesOnly resolves by /etc/hosts.
var filesOnly = &net.Resolver{
	PreferGo: true,
	Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errNoNameServer },
}

// DialFiltered is Dial to the addresses that may be dialled, by names that /etc/hosts knows.
func (t *Target) DialFiltered(ctx context.Context, host string, port uint16, may func(netip.Addr) error) (net.Conn, error) {
	d := net.Dialer{Resolver: filesOnly, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return may(to.Addr())
	}}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
	if unknown := (*net.DNSError)(nil); errors.As(err, &unknown) {
		if refused := may(netip.Addr{}); refused != nil {
			return nil, refused
		}
	}
	return conn, err
}
