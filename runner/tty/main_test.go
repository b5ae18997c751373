// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package tty

import (
	"testing"

	"switchyard/test/leaks"
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }
