// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package child

import "testing"

func TestIgnoredSignalsAreFound(t *testing.T) {
	got := ignored([]byte("Name:\tx\nSigIgn:\t0000000000000003\n"))
	if len(got) != 2 || got[0] != 1 || got[1] != 2 {
		t.Errorf("bits 0 and 1 are signals %v", got)
	}
}
