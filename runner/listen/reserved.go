// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// UnprivilegedPortFile holds the first port that is not reserved for root, ip-sysctl.rst's
// ip_unprivileged_port_start. It shows the network namespace of whoever opens it.
const UnprivilegedPortFile = "/proc/sys/net/ipv4/ip_unprivileged_port_start"

// reservedBelow is the first free port of a system that has no such file, and of one whose file cannot
// be understood.
const reservedBelow = 1024

// MayBind refuses a port that is reserved for root to every other uid. content is the
// UnprivilegedPortFile's, empty when there is none. The error matches fs.ErrPermission.
func MayBind(uid uint32, port uint16, content []byte) error {
	first := firstUnprivileged(content)
	if uid == 0 || port == 0 || int(port) >= first {
		return nil
	}
	return fmt.Errorf("port %d is reserved for root, use one from %d: %w", port, first, fs.ErrPermission)
}

func firstUnprivileged(content []byte) int {
	n, err := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 17)
	if err != nil {
		return reservedBelow
	}
	return int(n)
}
