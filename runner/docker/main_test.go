// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"os"
	"testing"

	"switchyard/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.VerifyNoLeaks(m)) }
