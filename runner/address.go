// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"fmt"
	"net"
	"net/url"
)

// Addresses chooses where to listen and what to advertise, each when it is empty, from how this machine
// reaches the controller at u: the local address of that route, and a port of the system's choice. For a
// controller on this machine's socket it is the loopback.
func Addresses(u *url.URL, listen, advertise string) (l, a string, err error) {
	host := ""
	if listen != "" {
		if host, _, err = net.SplitHostPort(listen); err != nil {
			return "", "", fmt.Errorf("the address to listen on %q is not \"host:port\"", listen)
		}
	}
	if listen != "" && (advertise != "" || !isWildcard(host)) {
		return listen, advertise, nil
	}
	local, err := localAddress(u)
	if err != nil {
		return "", "", err
	}
	if listen == "" {
		return net.JoinHostPort(local, "0"), advertise, nil
	}
	return listen, local, nil // listening everywhere, which nobody can dial
}

func isWildcard(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// localAddress is this machine's address on the route to the controller. Connecting a UDP socket sends
// nothing; it asks for the route.
func localAddress(u *url.URL) (string, error) {
	if u.Scheme == "unix" {
		return "127.0.0.1", nil
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	c, err := net.Dial("udp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return "", fmt.Errorf("finding this machine's address on the route to the controller: %w (or name it with --listen)", err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).IP.String(), nil
}
