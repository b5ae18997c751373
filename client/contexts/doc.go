// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Package contexts keeps the controllers that a user has logged in to, and decides which of them a
// command talks to.
//
// [Load] and [File.Save] read and write the file; [Select] applies flags, environment and file, in
// that order. Reaching a controller is package client's.
//
// The file holds API tokens. It is made with mode 0600 in a directory of mode 0700, replaced as a
// whole, and refused when others may read it.
package contexts
