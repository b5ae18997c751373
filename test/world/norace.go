// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package world

const raceEnabled = false
