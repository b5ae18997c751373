// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"io"
	"syscall"
)

// watcher does nothing where a pipe cannot be polled for its reader: there the next write tells.
type watcher struct{}

func watchReader(io.Writer, io.Closer) watcher { return watcher{} }

func (watcher) start()      {}
func (watcher) stop()       {}
func (watcher) fired() bool { return false }

// readerGone tells whether a write failed because nobody reads any more: ERROR_BROKEN_PIPE, ERROR_NO_DATA.
func readerGone(err error) bool {
	var e syscall.Errno
	return errors.As(err, &e) && (e == 109 || e == 232)
}
