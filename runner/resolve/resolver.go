// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"strings"
)

const (
	// maxAddresses bounds the addresses of one name.
	maxAddresses = 32
	// maxName is the length of a name in DNS (RFC 1035 section 2.3.4), in bytes.
	maxName = 253
)

// Resolver resolves names for one container. Its methods may be called
// concurrently.
type Resolver struct {
	// ReadFile reads a file of the container; one that is not there is
	// fs.ErrNotExist. Required.
	ReadFile func(ctx context.Context, path string) ([]byte, error)
	// Dial connects in the container's network; network is "tcp" or "udp". The
	// connection is a net.PacketConn with "udp". Required.
	Dial func(ctx context.Context, network string, address netip.AddrPort) (net.Conn, error)
}

// Lookup returns the addresses of a host, at least one, in the order to try
// them: those of hosts(5) if it has any, else those of DNS. "localhost" and what
// ends in it is the loopback where nothing else is said of it (RFC 6761 section
// 6.3). The error is a *net.DNSError when the name is not found or no server
// answers; ctx bounds it all.
func (r *Resolver) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	found, known, err := r.lookupLocal(ctx, host)
	if known || err != nil {
		return found, err
	}
	conf, err := r.read(ctx, "/etc/resolv.conf")
	if err != nil {
		return nil, err
	}
	return r.search(ctx, ParseConf(conf), host)
}

// lookupLocal is Lookup without DNS.
func (r *Resolver) lookupLocal(ctx context.Context, host string) (found []netip.Addr, known bool, err error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{address}, true, nil
	}
	if !plausible(host) {
		return nil, false, &net.DNSError{Err: "this is no host name", Name: printable(host), IsNotFound: true}
	}
	hosts, err := r.read(ctx, "/etc/hosts")
	if err != nil {
		return nil, false, err
	}
	if found := ParseHosts(hosts, host); len(found) > 0 {
		return found, true, nil
	}
	if isLocalhost(host) {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, true, nil
	}
	return nil, false, nil
}

// read reads a file of the container, which may have none.
func (r *Resolver) read(ctx context.Context, path string) ([]byte, error) {
	text, err := r.ReadFile(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

func isLocalhost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// plausible says whether a host may be asked for: printable ASCII without what
// means something to the text form of DNS names (RFC 1035 section 5.1).
func plausible(host string) bool {
	if host == "" || len(host) > maxName || strings.HasPrefix(host, ".") || strings.Contains(host, "..") {
		return false
	}
	for i := range len(host) {
		if c := host[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`\"();@$%/:`, c) >= 0 {
			return false
		}
	}
	return true
}

// printable makes a name fit for an error message.
func printable(host string) string {
	if len(host) > maxName {
		host = host[:maxName] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(host, "?"))
}
