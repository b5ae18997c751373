// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package upgrade

import (
	"net"
	"time"
)

// setUserTimeout does nothing where there is no TCP_USER_TIMEOUT: the system's own retransmission
// limit holds there.
func setUserTimeout(*net.TCPConn, time.Duration) error { return nil }
