// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"reflect"
	"unsafe"
)

// drain takes what the library has read of its connection, which has ended, and will not look at any more.
//
// golang.org/x/crypto/ssh hands packets from its reader to its multiplexer through a queue of 16. When the
// peer breaks the protocol, the multiplexer stops and waits for the reader to end, and the reader waits for
// room in the queue: with more packets on their way than fit, four goroutines and megabytes of packets
// would be left for each such connection, for good. The queue is a field of the library's own, so this
// reaches for it by its name; a version that has no such field is left to itself, and
// TestClientThatBreaksTheProtocolLeavesNothing then says whether it needs this any more. There is no way
// to the queue before authentication begins; how much can be left of a client that goes no further is
// bounded by maxUnauthenticated.
func drain(conn any) {
	queue, ok := queueOf(conn)
	if !ok {
		return
	}
	for range queue { // the reader closes it when it ends
	}
}

// queueOf finds conn.transport.incoming.
func queueOf(conn any) (chan []byte, bool) {
	transport := field(reflect.ValueOf(conn), "transport")
	if !transport.IsValid() || transport.Kind() != reflect.Interface {
		return nil, false
	}
	incoming := field(transport.Elem(), "incoming")
	if !incoming.IsValid() || incoming.Type() != reflect.TypeFor[chan []byte]() {
		return nil, false
	}
	return *(*chan []byte)(unsafe.Pointer(incoming.UnsafeAddr())), true
}

// field is a field of the struct that a pointer points to; the zero Value when there is none.
func field(pointer reflect.Value, name string) reflect.Value {
	if pointer.Kind() != reflect.Pointer || pointer.Elem().Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return pointer.Elem().FieldByName(name)
}
