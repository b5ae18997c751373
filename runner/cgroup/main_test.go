// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cgroup

import (
	"testing"

	"switchyard/test/leaks"
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }
