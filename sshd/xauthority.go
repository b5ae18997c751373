// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"encoding/binary"
	"strconv"
)

// Address families of an X authority file (X11/Xauth.h).
const (
	familyLocal = 256    // this host; the address is its host name
	familyWild  = 0xffff // any address
)

// xauthority is an X authority file (Xau(3), the manual's section on the file's format) that authenticates
// clients to one display. Libraries look for a display on the loopback under the host name, so that comes
// first; the entry for any address is for when the name has changed, or is not known.
func xauthority(hostname string, display int, protocol string, cookie []byte) []byte {
	var file []byte
	if hostname != "" {
		file = appendXauth(file, familyLocal, hostname, display, protocol, cookie)
	}
	return appendXauth(file, familyWild, "", display, protocol, cookie)
}

// appendXauth appends an entry: the family, and four counted strings, all lengths big-endian.
func appendXauth(b []byte, family uint16, address string, display int, protocol string, cookie []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, family)
	for _, s := range []string{address, strconv.Itoa(display), protocol, string(cookie)} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	return b
}
