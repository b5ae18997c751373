// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"reflect"
	"sync"
	"unsafe"
)

const (
	// libraryWindow is the window that golang.org/x/crypto/ssh gives to every channel, in bytes. It is the
	// largest that we give.
	libraryWindow = 2 << 20
	// smallWindow is the least that a channel gets.
	smallWindow = 8 << 10
	// windowShare is the part of what is left that a channel gets.
	windowShare = 32
)

// windows shares out what a client may have sent on the channels of one connection that nobody has taken
// yet. A window (RFC 4254 section 5.2) is a promise to keep so many bytes, and the library promises the
// same to the first channel and to the thousandth. Here the first channels get the largest windows, later
// ones the less the more there are, and there is always the least for as many as there may be.
type windows struct {
	mu   sync.Mutex // guards what follows
	free int        // bytes that are not promised, beyond the least for each channel
}

func newWindows(cfg *Config) *windows {
	return &windows{free: max(0, cfg.MaxUnread-cfg.MaxChannels*smallWindow)}
}

// take promises a window. give takes the promise back.
func (w *windows) take() (size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	more := min(libraryWindow-smallWindow, w.free/windowShare)
	w.free -= more
	return smallWindow + more
}

func (w *windows) give(size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free += size - smallWindow
}

// setWindow sets the window of a channel that is not accepted yet, or not asked for: until then the library looks
// at no data for it. The window is a field of the library's own, so this reaches for it by its name; in a version
// that has no such field the window stays as large as it is, and TestWindowsStayWithinTheBudget says so.
func setWindow(ch any, size int) {
	if f := field(reflect.ValueOf(ch), "myWindow"); f.IsValid() && f.Kind() == reflect.Uint32 {
		*(*uint32)(unsafe.Pointer(f.UnsafeAddr())) = uint32(size)
	}
}

// bufferFor is the largest buffer that is worth its memory for a channel with a window of this size.
func bufferFor(window int) int {
	return min(max(window/8, smallBuffer), largeBuffer)
}
