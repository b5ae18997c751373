// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package client

import "io"

const watches = false

// watcher does nothing where a pipe cannot be polled for its reader: there the next write tells.
type watcher struct{}

func watchReader(io.Writer, io.Closer) watcher { return watcher{} }

func (watcher) start()      {}
func (watcher) stop()       {}
func (watcher) fired() bool { return false }
