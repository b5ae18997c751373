// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"io"
	"sync"
	"sync/atomic"

	gossh "golang.org/x/crypto/ssh"
)

// sessionChannel is a session's channel. It can outlast the client's close, as OpenSSH's server has it: when a process
// ends its output and runs on, the client gets EOF, and one whose input has ended then closes the channel, as
// nothing more can pass either way. How the process ends is still to be told. The library answers a close by
// its own at once, behind which exit-status would come too late.
//
// So linger takes the sending on this channel from the library, which then takes the client's close in silence. The
// library gives the channel's number away at that close already, and not at ours (RFC 4254 section 5.3); a client
// has nothing to send to the number any more, and finds its channels by numbers of its own.
type sessionChannel struct {
	gossh.Channel
	library libraryChannel

	lingers atomic.Bool // what the library does not send any more is sent here; set under library.writeMu

	// Read's own.
	ungranted uint32 // bytes read that the library had not granted anew after the last Read
	expected  bool   // bytes were granted that are expected twice

	mu     sync.Mutex // serialises what is sent here; held over I/O, which the connection's end releases
	closed bool       // our close was sent
}

func newSessionChannel(ch gossh.Channel) *sessionChannel {
	library, err := asLibraryChannel(ch)
	if err != nil {
		return &sessionChannel{Channel: ch}
	}
	return &sessionChannel{Channel: ch, library: library}
}

// linger sends EOF, after which nothing may be written, and keeps the channel until Close.
func (c *sessionChannel) linger() {
	if c.library.silence(&c.lingers) {
		c.send(channelEOFMsg{c.library.remoteID}, false)
	} else {
		c.CloseWrite()
	}
}

// Read reads, and grants the client what was read where the library thinks it does. One goroutine may read.
func (c *sessionChannel) Read(p []byte) (n int, err error) {
	n, err = c.Channel.Read(p)
	if n > 0 && c.library.known() {
		c.grant(n)
	}
	return n, err
}

// grant grants the bytes that the library took for granted in the last Read. Whether it did send them is not known of the
// Read during which lingering began. So the first are granted again, and expected: the client then has what it should
// or, once, that much more.
func (c *sessionChannel) grant(n int) {
	c.library.windowMu.Lock()
	unread := c.ungranted + uint32(n)
	c.ungranted = *c.library.consumed
	size := unread - min(unread, c.ungranted) // more is left of data of a type that nobody reads
	lingers := c.lingers.Load()
	if lingers && !c.expected && size > 0 {
		c.expected = true
		*c.library.window += size
	}
	c.library.windowMu.Unlock()
	if lingers && size > 0 {
		c.send(windowAdjustMsg{c.library.remoteID, size}, false)
	}
}

// SendRequest sends a request that wants no reply.
func (c *sessionChannel) SendRequest(name string, _ bool, payload []byte) (bool, error) {
	_, err := c.Channel.SendRequest(name, false, payload)
	if c.isRefused(err) {
		err = c.send(channelRequestMsg{PeersID: c.library.remoteID, Request: name, Payload: payload}, false)
	}
	return false, err
}

// reply answers a request of the client's.
func (c *sessionChannel) reply(r *gossh.Request, ok bool) {
	if err := r.Reply(ok, nil); !c.isRefused(err) {
		return
	}
	if ok {
		c.send(channelSuccessMsg{c.library.remoteID}, false)
	} else {
		c.send(channelFailureMsg{c.library.remoteID}, false)
	}
}

// Close sends close (RFC 4254 section 5.3), once.
func (c *sessionChannel) Close() error {
	err := c.Channel.Close()
	if c.isRefused(err) {
		err = c.send(channelCloseMsg{c.library.remoteID}, true)
	}
	return err
}

// isRefused tells whether that is the library's error for a message that it does not send as the channel lingers.
func (c *sessionChannel) isRefused(err error) bool { return err == io.EOF && c.lingers.Load() }

// send sends a message; the last one is close.
func (c *sessionChannel) send(message any, last bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return io.EOF
	}
	c.closed = last
	return librarySend(c.library.mux, message)
}
