// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package demo tests what "make demo" shows.
package demo
