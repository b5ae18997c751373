// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package soak tests with real parts that hundreds of sessions, ended in every way, leave nothing. See package world for how.
package soak
