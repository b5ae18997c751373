// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package runner

import (
	"testing"

	"go.uber.org/goleak"

	"switchyard/test/leaks"
)

// The host target catches signals, and the runtime's loop for them never ends.
func TestMain(m *testing.M) {
	leaks.VerifyTestMain(m, goleak.IgnoreTopFunction("os/signal.signal_recv"))
}
