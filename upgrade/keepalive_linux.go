// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// userTimeout is TCP_USER_TIMEOUT, tcp(7), of a connection. The kernel counts it against a peer that has
// closed its window as well, however often that acknowledges the probes: a client that was stopped with
// Ctrl-Z while much came would be taken for dead. So the option is taken off while a peer that answers
// takes nothing, and put back when it takes data again or answers no more.
type userTimeout struct {
	raw   syscall.RawConn
	limit time.Duration
}

// looks is how often a connection is looked at in the time of its timeout. The kernel's clock starts when the
// window closes, so one look in that time would do.
const looks = 5

func setUserTimeout(t *net.TCPConn, d time.Duration) error {
	raw, err := t.SyscallConn()
	if err != nil {
		return err
	}
	u := &userTimeout{raw, d}
	if err := u.set(func(int) bool { return false }); err != nil {
		return err
	}
	time.AfterFunc(d/looks, u.look)
	return nil
}

// look is called again and again until the connection is closed.
func (u *userTimeout) look() {
	if u.set(isStalled) == nil {
		time.AfterFunc(u.limit/looks, u.look)
	}
}

func (u *userTimeout) set(off func(fd int) bool) error {
	var failed error
	err := u.raw.Control(func(fd uintptr) {
		ms := int(u.limit.Milliseconds())
		if off(int(fd)) {
			ms = 0
		}
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)
	})
	if err != nil {
		return err
	}
	return failed
}

// isStalled tells whether the peer is alive and takes nothing: data waits though none is under way, which
// only a closed window causes, and of the probes into it at most the last one is without an answer.
func isStalled(fd int) bool {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && info.Notsent_bytes > 0 && info.Unacked == 0 && info.Probes <= 1
}
