// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"switchyard/runner/inside/broker"
)

// read takes the broker's replies until the connection ends or the broker breaks the protocol, which ends it.
func (c *client) read() {
	err := c.readAll()
	c.mu.Lock()
	c.broken = true
	c.mu.Unlock()
	close(c.dead)
	c.conn.Close()
	if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, unix.ECONNRESET) {
		c.log.WithError(err).Warn("Switchyard's helper in the target answers what it should not, and is ended")
		c.process.End()
	}
}

func (c *client) readAll() error {
	buffer := make([]byte, broker.MaxMessage+1)
	for {
		packet, fds, err := c.receive(buffer)
		if err != nil {
			closeAll(fds)
			return err
		}
		if err := c.take(packet, fds); err != nil {
			return err
		}
	}
}

// receive reads one packet, and the descriptors that came with it, which are the caller's. The system closes what
// does not fit into the space for them.
func (c *client) receive(buffer []byte) (packet []byte, fds []int, err error) {
	rights := make([]byte, unix.CmsgSpace(4))
	n, m, flags, _, err := c.conn.ReadMsgUnix(buffer, rights)
	fds = descriptors(rights[:m])
	if n == 0 && len(fds) > 0 { // an empty packet looks like the end of the stream, and can have descriptors all the same
		return nil, fds, errors.New("an empty packet has descriptors")
	}
	if err != nil {
		return nil, fds, err
	}
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 || len(fds) > 1 {
		return nil, fds, errors.New("a packet has more than is allowed")
	}
	return buffer[:n], fds, nil
}

func descriptors(rights []byte) (fds []int) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		if some, err := unix.ParseUnixRights(&m); err == nil {
			fds = append(fds, some...)
		}
	}
	return fds
}

// closeAll closes descriptors that nobody wants. What they are is not known, and closing one can wait for a server in
// the container (FUSE), so nobody waits for that.
func closeAll(fds []int) {
	if len(fds) == 0 {
		return
	}
	go func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
}

// take hands a reply to whoever waits for it.
func (c *client) take(packet []byte, fds []int) error {
	reply, err := broker.Decode[broker.Reply](packet)
	if err != nil {
		closeAll(fds)
		return err
	}
	q := c.question(reply.ID)
	if q == nil {
		closeAll(fds)
		return fmt.Errorf("a reply to a question that was not asked, %d", reply.ID)
	}
	r, err := c.check(q, reply, fds)
	if err != nil {
		closeAll(fds)
		return err
	}
	c.deliver(q, r)
	return nil
}

func (c *client) question(id uint64) *question {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[id]
}

// deliver answers a question. It is known to nobody afterwards.
func (c *client) deliver(q *question, r result) {
	c.mu.Lock()
	delete(c.asked, r.id)
	forgotten := q.forgotten
	if !forgotten {
		q.answer <- r
	}
	c.mu.Unlock()
	if forgotten {
		c.undo(r)
	}
}

// check looks whether a reply is one to the question, and its descriptor what it should be. A descriptor is used in no
// other way before that: one that is no socket could be a file whose every use waits for a server in the container.
func (c *client) check(q *question, reply broker.Reply, fds []int) (result, error) {
	r := result{client: c, id: reply.ID, err: errno(reply.Errno)}
	wanted := 0
	if r.err == nil && (q.op == broker.Dial || q.op == broker.Listen || q.op == broker.ListenPrivate) {
		wanted = 1
	}
	if len(fds) != wanted {
		return r, fmt.Errorf("a reply to %q has %d descriptors, and %d are right", q.op, len(fds), wanted)
	}
	if r.err == nil && (q.op == broker.ListenPrivate || q.op == broker.WritePrivate) {
		if r.path = string(reply.Path); !plausible(r.path) {
			return r, fmt.Errorf("a reply to %q has the path %.100q", q.op, r.path)
		}
	}
	if wanted == 0 {
		return r, nil
	}
	if err := checkSocket(fds[0], q.op != broker.Dial); err != nil {
		return r, fmt.Errorf("a reply to %q has %v", q.op, err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return r, err
	}
	r.socket = os.NewFile(uintptr(fds[0]), "socket")
	return r, nil
}

// plausible refuses a path that could be more than one in an environment or a line.
func plausible(path string) bool {
	if len(path) == 0 || len(path) > unix.PathMax || path[0] != '/' {
		return false
	}
	for i := range len(path) {
		if path[i] < ' ' || path[i] == 0x7f {
			return false
		}
	}
	return true
}

// checkSocket refuses everything but a stream socket of the unix domain that listens, or one that does not.
func checkSocket(fd int, listens bool) error {
	want := 0
	if listens {
		want = 1
	}
	for _, option := range []struct {
		number, want int
		name         string
	}{
		{unix.SO_DOMAIN, unix.AF_UNIX, "address family"},
		{unix.SO_TYPE, unix.SOCK_STREAM, "type"},
		{unix.SO_ACCEPTCONN, want, "state"},
	} {
		got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option.number)
		if err != nil {
			return fmt.Errorf("no socket: %v", err)
		}
		if got != option.want {
			return fmt.Errorf("a socket of another %s, %d", option.name, got)
		}
	}
	return nil
}
