// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(VerifyNoLeaks(m)) }
