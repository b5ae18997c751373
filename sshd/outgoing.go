// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"net"
	"reflect"
	"sync"
	"unsafe"

	"github.com/sirupsen/logrus"
	gossh "golang.org/x/crypto/ssh"
)

// outgoing are the channels that this end opened. The library opens them with its whole window, and leaves
// no moment to make that smaller; promising only what there is would allow a few dozen of them. So
// what they hold is counted instead, and when it is more than it may be, the one that holds most is ended.
// That takes as many forwards whose inside does not read, each with a window full of what the client sends.
type outgoing struct {
	mu   sync.Mutex // guards live; held over the library's window locks, never over I/O
	live map[gossh.Channel]net.Conn
}

// watch counts a channel until the function that it returns is called.
func (o *outgoing) watch(ch gossh.Channel, conn net.Conn) (end func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.live == nil {
		o.live = map[gossh.Channel]net.Conn{}
	}
	o.live[ch] = conn
	return func() { o.forget(ch) }
}

func (o *outgoing) forget(ch gossh.Channel) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.live, ch)
}

// meterStep is after how many bytes from the client it is counted again what the channels hold.
const meterStep = 1 << 20

// meter returns a function to be told how much was read from the client, which sees to it that the
// channels hold no more than most, in bytes, and a step.
func (o *outgoing) meter(most int, log logrus.FieldLogger) func(n int) {
	read := 0
	return func(n int) {
		if read += n; read < meterStep {
			return
		}
		read = 0
		o.shed(most, log)
	}
}

// shed ends forwards until the others hold no more than most. An ended one is not counted any more: what it
// holds is dropped at once.
func (o *outgoing) shed(most int, log logrus.FieldLogger) {
	o.mu.Lock()
	defer o.mu.Unlock()
	total, worst, held := o.fullest()
	for ; total > most; total, worst, held = o.fullest() {
		log.Warnf("ending a forward whose inside has left %d bytes unread: the connection's forwards hold %d", held, total)
		reset(o.live[worst])
		delete(o.live, worst)
	}
}

func (o *outgoing) fullest() (total int, worst gossh.Channel, held int) {
	for ch := range o.live {
		n := unreadBytes(ch)
		total += n
		if n > held {
			worst, held = ch, n
		}
	}
	return total, worst, held
}

// unreadBytes is how many bytes of a channel that this end opened wait to be read: what is missing of its
// window, less what has been read and not yet given back to the client. These are fields of the library's own; in
// a version that has no such fields it is none, and TestForwardsFromInsideStayWithinTheBudget says so.
func unreadBytes(ch gossh.Channel) int {
	v := reflect.ValueOf(ch)
	mu, window, consumed := field(v, "windowMu"), field(v, "myWindow"), field(v, "myConsumed")
	if !mu.IsValid() || mu.Type() != reflect.TypeFor[sync.Mutex]() ||
		!window.IsValid() || window.Kind() != reflect.Uint32 || !consumed.IsValid() || consumed.Kind() != reflect.Uint32 {
		return 0
	}
	lock := (*sync.Mutex)(unsafe.Pointer(mu.UnsafeAddr()))
	lock.Lock()
	defer lock.Unlock()
	return libraryWindow - int(window.Uint()) - int(consumed.Uint())
}
