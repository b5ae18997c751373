// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"os"
	"testing"

	"switchyard/test/rig"
	testworld "switchyard/test/world"
)

func TestMain(m *testing.M) {
	code := rig.VerifyNoLeaks(m)
	testworld.Cleanup()
	os.Exit(code)
}
