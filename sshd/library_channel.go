// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"

	gossh "golang.org/x/crypto/ssh"
)

// libraryChannel is what sessionChannel needs of a channel of golang.org/x/crypto/ssh, which are fields of the library's
// own. Where a version lacks one of them, EOF is sent as early but no channel lingers, and TestExitStatusArrivesAfterTheClientHasClosed
// says so.
type libraryChannel struct {
	mux      unsafe.Pointer // nil: this version is not known
	remoteID uint32         // the client's number of the channel

	writeMu   *sync.Mutex // guards sentClose, and is held over each message that is sent
	sentClose *bool       // the library sends nothing more

	windowMu *sync.Mutex // guards what follows
	window   *uint32     // bytes that the client may send
	consumed *uint32     // bytes read that the client has not been granted anew
}

// Messages of RFC 4254 sections 5.2 to 5.4, as this server sends them.
type (
	windowAdjustMsg struct {
		PeersID         uint32 `sshtype:"93"`
		AdditionalBytes uint32
	}
	channelEOFMsg struct {
		PeersID uint32 `sshtype:"96"`
	}
	channelCloseMsg struct {
		PeersID uint32 `sshtype:"97"`
	}
	channelRequestMsg struct {
		PeersID   uint32 `sshtype:"98"`
		Request   string
		WantReply bool
		Payload   []byte `ssh:"rest"`
	}
	channelSuccessMsg struct {
		PeersID uint32 `sshtype:"99"`
	}
	channelFailureMsg struct {
		PeersID uint32 `sshtype:"100"`
	}
)

// asLibraryChannel looks into a channel of the library's that has been accepted.
func asLibraryChannel(ch gossh.Channel) (libraryChannel, error) {
	v := reflect.ValueOf(ch)
	mux, remote := field(v, "mux"), field(v, "remoteId")
	writeMu, sentClose := field(v, "writeMu"), field(v, "sentClose")
	windowMu, window, consumed := field(v, "windowMu"), field(v, "myWindow"), field(v, "myConsumed")
	if !mux.IsValid() || mux.Kind() != reflect.Pointer || !isType[uint32](remote) ||
		!isType[sync.Mutex](writeMu) || !isType[bool](sentClose) ||
		!isType[sync.Mutex](windowMu) || !isType[uint32](window) || !isType[uint32](consumed) {
		return libraryChannel{}, errLibrary
	}
	return libraryChannel{
		mux:       mux.UnsafePointer(),
		remoteID:  uint32(remote.Uint()),
		writeMu:   at[sync.Mutex](writeMu),
		sentClose: at[bool](sentClose),
		windowMu:  at[sync.Mutex](windowMu),
		window:    at[uint32](window),
		consumed:  at[uint32](consumed),
	}, nil
}

// at is where a field is.
func at[T any](field reflect.Value) *T { return (*T)(unsafe.Pointer(field.UnsafeAddr())) }

func (l libraryChannel) known() bool { return l.mux != nil }

// silence makes the library send nothing more on the channel, and sets silent before it next finds out. It does
// neither, and says false, when the channel has been closed, or is not known.
func (l libraryChannel) silence(silent *atomic.Bool) bool {
	if !l.known() {
		return false
	}
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if *l.sentClose {
		return false
	}
	*l.sentClose = true
	silent.Store(true)
	return true
}
