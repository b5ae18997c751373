// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"testing"

	"go.uber.org/goleak"

	"switchyard/test/leaks"
)

// The runtime's loop for caught signals starts with the first Notify and never ends.
func TestMain(m *testing.M) {
	leaks.VerifyTestMain(m, goleak.IgnoreTopFunction("os/signal.signal_recv"))
}
