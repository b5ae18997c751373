// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"net"
	"os"
	"slices"
	"strings"
)

// names are what the installation's own certificate is for: this machine, the addresses that are
// listened on, and what the options add.
func (o Options) names() []string {
	names := slices.Concat([]string{"localhost", "127.0.0.1", "::1"}, o.TLSNames)
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	for _, address := range o.Listen {
		host, _, err := net.SplitHostPort(address)
		switch ip := net.ParseIP(host); {
		case err != nil || strings.HasPrefix(address, "unix://"):
		case host == "" || ip != nil && ip.IsUnspecified():
			names = append(names, machineAddresses()...)
		default:
			names = append(names, host)
		}
	}
	return names
}

// machineAddresses are those of every interface, for a listener on all of them.
func machineAddresses() []string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var list []string
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			list = append(list, n.IP.String())
		}
	}
	return list
}
