// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package show

import "fmt"

// Size is a number of bytes in the unit that leaves one to four digits before the point.
func Size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%dB", n)
	}
	f, i := float64(n)/1024, 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	return fmt.Sprintf("%.1f%ciB", f, units[i])
}
