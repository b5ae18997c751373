// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"bytes"
	"net/netip"
	"strings"
)

// ParseHosts returns the addresses that a hosts file has for a name, in the
// file's order. Names match in any case.
func ParseHosts(text []byte, name string) []netip.Addr {
	name = strings.TrimSuffix(name, ".")
	var found []netip.Addr
	for line := range bytes.Lines(text) {
		fields := fieldsOf(line, "#")
		if len(fields) < 2 || !hasName(fields[1:], name) {
			continue
		}
		if address, err := netip.ParseAddr(fields[0]); err == nil && len(found) < maxAddresses {
			found = append(found, address)
		}
	}
	return unique(found)
}

func hasName(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(strings.TrimSuffix(n, "."), name) {
			return true
		}
	}
	return false
}

// fieldsOf splits a line at blanks, up to any of the comment characters.
func fieldsOf(line []byte, comment string) []string {
	if i := bytes.IndexAny(line, comment); i >= 0 {
		line = line[:i]
	}
	return strings.Fields(string(line))
}

func unique(addresses []netip.Addr) []netip.Addr {
	seen := map[netip.Addr]bool{}
	kept := addresses[:0]
	for _, a := range addresses {
		if a = a.Unmap(); !seen[a] {
			seen[a] = true
			kept = append(kept, a)
		}
	}
	return kept
}
