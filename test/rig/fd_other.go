// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package rig

// withoutSplice leaves all: there is no splice(2).
func withoutSplice(fds map[int]string) map[int]string { return fds }
