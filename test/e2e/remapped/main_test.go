// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package remapped

import (
	"os"
	"testing"

	"switchyard/test/rig"
	"switchyard/test/world"
)

func TestMain(m *testing.M) {
	code := rig.VerifyNoLeaks(m)
	world.Cleanup()
	os.Exit(code)
}
