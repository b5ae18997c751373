// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	gossh "golang.org/x/crypto/ssh"
)

// golang.org/x/crypto/ssh opens a channel with a window of 2 MiB, whatever there is room for, and waits for the
// answer without end, even for one that cannot come any more: a channel that is opened while the connection
// ends is told of neither. So this opens channels by the parts that the library's own OpenChannel is made of.
// Where a version lacks one of them, linking fails, or openLibraryChannel does, and the tests with it;
// should one get other parameters, TestOpenedChannelHasTheWindowThatItWasGiven says so.

// libraryNewChannel makes a channel and its number.
//
//go:linkname libraryNewChannel golang.org/x/crypto/ssh.(*mux).newChannel
func libraryNewChannel(mux unsafe.Pointer, kind string, direction uint8, extra []byte) unsafe.Pointer

// librarySend sends a message.
//
//go:linkname librarySend golang.org/x/crypto/ssh.(*mux).sendMessage
func librarySend(mux unsafe.Pointer, message any) error

const (
	libraryOutbound  = 1       // the direction of a channel that this end opens
	libraryMaxPacket = 1 << 15 // what the library takes at most in one packet, in bytes
)

var errLibrary = errors.New("golang.org/x/crypto/ssh is not as this server knows it")

// channelOpenMsg is SSH_MSG_CHANNEL_OPEN (RFC 4254 section 5.1).
type channelOpenMsg struct {
	Kind          string `sshtype:"90"`
	Sender        uint32
	Window        uint32
	MaxPacketSize uint32
	Payload       []byte `ssh:"rest"`
}

// opening is a channel that waits for the client's answer.
type opening struct {
	ch       gossh.Channel
	requests <-chan *gossh.Request
	answer   <-chan any
}

// openLibraryChannel asks the client to take a channel. conn is the library's connection.
func openLibraryChannel(conn any, kind string, payload []byte, window int) (opening, error) {
	mux := field(reflect.ValueOf(conn), "mux")
	chans := field(mux, "chanList")
	if !chans.IsValid() || chans.Kind() != reflect.Struct {
		return opening{}, errLibrary
	}
	chans = chans.FieldByName("chans")
	if !chans.IsValid() || chans.Kind() != reflect.Slice || chans.Type().Elem().Kind() != reflect.Pointer {
		return opening{}, errLibrary
	}
	ch := libraryNewChannel(mux.UnsafePointer(), kind, libraryOutbound, payload)
	o, number, err := asOpening(reflect.NewAt(chans.Type().Elem().Elem(), ch))
	if err != nil {
		return opening{}, err
	}
	setWindow(o.ch, window)
	m := channelOpenMsg{Kind: kind, Sender: number, Window: uint32(window), MaxPacketSize: libraryMaxPacket, Payload: payload}
	return o, librarySend(mux.UnsafePointer(), m)
}

// asOpening looks into a channel of the library's.
func asOpening(channel reflect.Value) (o opening, number uint32, err error) {
	ch, ok := channel.Interface().(gossh.Channel)
	msg, requests, id := field(channel, "msg"), field(channel, "incomingRequests"), field(channel, "localId")
	if !ok || !isType[chan any](msg) || !isType[chan *gossh.Request](requests) || !isType[uint32](id) {
		return o, 0, errLibrary
	}
	return opening{
		ch:       ch,
		requests: *(*chan *gossh.Request)(unsafe.Pointer(requests.UnsafeAddr())),
		answer:   *(*chan any)(unsafe.Pointer(msg.UnsafeAddr())),
	}, uint32(id.Uint()), nil
}

func isType[T any](v reflect.Value) bool { return v.IsValid() && v.Type() == reflect.TypeFor[T]() }

// wait waits for the answer. When ctx ends first, the channel is still being opened.
func (o opening) wait(ctx context.Context) error {
	select {
	case m := <-o.answer:
		return outcomeOfOpen(m)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// outcomeOfOpen tells the library's messages for SSH_MSG_CHANNEL_OPEN_CONFIRMATION and its failure apart (RFC
// 4254 section 5.1); there is none when the connection has ended.
func outcomeOfOpen(m any) error {
	v := reflect.ValueOf(m)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return errors.New("the connection has ended")
	}
	switch v.Elem().Type().Name() {
	case "channelOpenConfirmMsg":
		return nil
	case "channelOpenFailureMsg":
		return fmt.Errorf("the client refused it: %s", quote(v.Elem().FieldByName("Message").String()))
	}
	return errLibrary
}
