// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Bounds and defaults of resolv.conf(5), as glibc has them.
const (
	maxServers  = 3
	maxSearch   = 32
	maxNdots    = 15
	maxTimeout  = 30
	maxAttempts = 5

	defaultTimeout  = 5 * time.Second
	defaultAttempts = 2
)

// Conf is what a resolv.conf says.
type Conf struct {
	Servers  []netip.AddrPort // never empty: by default 127.0.0.1
	Search   []string         // absolute names
	Ndots    int
	Timeout  time.Duration // for one query to one server
	Attempts int           // rounds over all servers
	TCP      bool          // use-vc: no UDP
}

// ParseConf reads a resolv.conf. What it does not understand it passes over.
func ParseConf(text []byte) Conf {
	c := Conf{Ndots: 1, Timeout: defaultTimeout, Attempts: defaultAttempts}
	for line := range bytes.Lines(text) {
		fields := fieldsOf(line, "#;")
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			c.addServer(fields[1])
		case "domain":
			c.Search = searchList(fields[1:2])
		case "search":
			c.Search = searchList(fields[1:])
		case "options":
			c.setOptions(fields[1:])
		}
	}
	if len(c.Servers) == 0 {
		c.addServer("127.0.0.1")
	}
	return c
}

func (c *Conf) addServer(text string) {
	if address, err := netip.ParseAddr(text); err == nil && len(c.Servers) < maxServers {
		c.Servers = append(c.Servers, netip.AddrPortFrom(address, 53))
	}
}

func searchList(names []string) []string {
	var list []string
	for _, name := range names[:min(len(names), maxSearch)] {
		// "." means that there is none.
		if name = strings.TrimSuffix(name, "."); name != "" {
			list = append(list, name+".")
		}
	}
	return list
}

func (c *Conf) setOptions(options []string) {
	for _, option := range options {
		name, value, _ := strings.Cut(option, ":")
		n, err := strconv.ParseUint(value, 10, 31)
		number := int(n)
		switch {
		case name == "use-vc" || name == "usevc":
			c.TCP = true
		case err != nil:
		case name == "ndots":
			c.Ndots = min(number, maxNdots)
		case name == "timeout":
			c.Timeout = time.Duration(max(1, min(number, maxTimeout))) * time.Second
		case name == "attempts":
			c.Attempts = max(1, min(number, maxAttempts))
		}
	}
}

// candidates are the absolute names to ask for, in their order (resolv.conf(5),
// search and ndots).
func (c *Conf) candidates(name string) []string {
	if strings.HasSuffix(name, ".") {
		return []string{name}
	}
	var list []string
	for _, suffix := range c.Search {
		list = append(list, name+"."+suffix)
	}
	if strings.Count(name, ".") >= c.Ndots {
		return append([]string{name + "."}, list...)
	}
	return append(list, name+".")
}
