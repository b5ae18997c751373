// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package rig

import (
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if grace, err := time.ParseDuration(os.Getenv("RIG_LEAK_GRACE")); err == nil {
		leakGrace = grace
	}
	os.Exit(VerifyNoLeaks(m))
}
