// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"reflect"
	"sync"
	"time"
	"unsafe"
)

// releaseInterval is how often it is looked whether a channel's open still waits for an answer that no one
// will give.
const releaseInterval = 10 * time.Millisecond

// releaseOpeners waits until no channel's open waits for the client any more, once the connection has ended.
//
// When a connection ends, golang.org/x/crypto/ssh ends all channels that it knows, and then closes the
// transport. A channel that is opened between the two is told of neither, and whoever opens it waits
// for good. So the answer is given here, through fields of the library's own as drain does; a version
// without them is left to itself.
func (c *connection) releaseOpeners() {
	done := closedAfter(c.openers.Wait)
	tick := time.NewTicker(releaseInterval)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if !answerOpens(c.library) {
				return
			}
		}
	}
}

// answerOpens gives every channel of conn.mux.chanList an answer that is none, by which the open fails. It
// tells whether it knows how.
func answerOpens(conn any) bool {
	list := field(field(reflect.ValueOf(conn), "mux"), "chanList")
	if !list.IsValid() || list.Kind() != reflect.Struct {
		return false
	}
	mu, chans := list.FieldByName("Mutex"), list.FieldByName("chans")
	if !mu.IsValid() || mu.Type() != reflect.TypeFor[sync.Mutex]() || !chans.IsValid() || chans.Kind() != reflect.Slice {
		return false
	}
	lock := (*sync.Mutex)(unsafe.Pointer(mu.UnsafeAddr()))
	lock.Lock()
	defer lock.Unlock()
	for i := range chans.Len() {
		answerOpen(chans.Index(i))
	}
	return true
}

func answerOpen(channel reflect.Value) {
	if channel.Kind() != reflect.Pointer || channel.IsNil() {
		return
	}
	msg := field(channel, "msg")
	if !msg.IsValid() || msg.Type() != reflect.TypeFor[chan any]() {
		return
	}
	select {
	case *(*chan any)(unsafe.Pointer(msg.UnsafeAddr())) <- nil:
	default: // it has an answer
	}
}
