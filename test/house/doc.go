// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package house keeps the laws that hold for the whole tree: who may import whom, that every package says
// what it is for, that every file has its licence line, and that tests do not sleep.
package house
