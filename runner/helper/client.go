// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"switchyard/runner/inside/broker"
	"switchyard/sshd"
)

const (
	// replyWait bounds each request, whatever ctx says: the file system may hang that it is about.
	replyWait = 30 * time.Second
	// sendWait bounds the sending of one.
	sendWait = 5 * time.Second
	// endWait bounds the broker's own end, in which it removes what it made.
	endWait = 5 * time.Second
)

// maxAsked bounds the questions without an answer, those that nobody waits for included.
const maxAsked = 1024

var errBusy = errors.New("the helper in the target does not answer")

// errEnded is for requests that the broker's end has cut off.
var errEnded = errors.New("the helper in the target has ended")

// client speaks with one broker. What the broker says is not believed: anything but the answer to a question, in the
// form that it must have, is the end of it.
type client struct {
	conn    *net.UnixConn
	process sshd.Process
	log     logrus.FieldLogger
	words   words
	dead    chan struct{} // closed when nothing more is read
	ending  sync.Once

	sending   sync.Mutex    // held while a packet is sent
	accepting chan struct{} // filled while a listener accepts

	mu        sync.Mutex // guards the rest
	last      uint64
	asked     map[uint64]*question
	listeners map[*listener]bool
	broken    bool
}

// question waits for its reply.
type question struct {
	op     string
	answer chan result // takes one without waiting
	// forgotten says that nobody waits any more, so that what comes must be undone.
	forgotten bool
}

// result is what a request gave.
type result struct {
	client *client
	id     uint64
	socket *os.File // nil if there is none
	path   string
	err    error
}

func newClient(conn *net.UnixConn, process sshd.Process, log logrus.FieldLogger) *client {
	c := &client{conn: conn, process: process, log: log, dead: make(chan struct{}),
		accepting: make(chan struct{}, 1), asked: map[uint64]*question{},
		listeners: map[*listener]bool{}}
	c.words.follow(process)
	return c
}

func (c *client) alive() bool {
	select {
	case <-c.dead:
		return false
	default:
		return true
	}
}

// ask asks and waits for the answer.
func (c *client) ask(ctx context.Context, r broker.Request) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, replyWait)
	defer cancel()
	q := &question{op: r.Op, answer: make(chan result, 1)}
	var err error
	if r.ID, err = c.expect(q); err != nil {
		return result{}, err
	}
	if err := c.send(r); err != nil {
		c.forget(q)
		return result{}, err
	}
	select {
	case got := <-q.answer:
		return got, got.err
	case <-c.dead:
		c.forget(q)
		return result{}, errEnded
	case <-ctx.Done():
		c.forget(q)
		return result{}, ctx.Err()
	}
}

// expect notes a question under a new number.
func (c *client) expect(q *question) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.broken:
		return 0, errEnded
	case len(c.asked) >= maxAsked:
		return 0, errBusy
	}
	c.last++
	c.asked[c.last] = q
	return c.last, nil
}

// forget undoes a question whose answer nobody waits for: now, or when it comes.
func (c *client) forget(q *question) {
	c.mu.Lock()
	q.forgotten = true
	c.mu.Unlock()
	select {
	case late := <-q.answer:
		c.undo(late)
	default:
	}
}

// undo gives back what a request gave.
func (c *client) undo(r result) {
	if r.socket != nil {
		r.socket.Close()
	}
	if r.err == nil && r.id != 0 {
		go c.remove(r.id)
	}
}

// remove has the broker remove what a request made. Nobody is told when that fails: the broker's end does it, too.
func (c *client) remove(id uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), sendWait)
	defer cancel()
	_, _ = c.ask(ctx, broker.Request{Op: broker.Remove, Made: id})
}

func (c *client) send(r broker.Request) error {
	packet, err := broker.Encode(r)
	if err != nil {
		return err
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	c.conn.SetWriteDeadline(time.Now().Add(sendWait))
	if _, err := c.conn.Write(packet); err != nil {
		return fmt.Errorf("asking Switchyard's helper in the target: %w", err)
	}
	return nil
}

// close ends the broker, which removes what it made, and all its listeners. It may be called repeatedly.
func (c *client) close() {
	c.ending.Do(func() {
		for _, l := range c.open() {
			l.release()
		}
		c.conn.Close()
		exited := make(chan struct{})
		go func() { defer close(exited); _, _ = c.process.Wait() }()
		timer := time.NewTimer(endWait)
		defer timer.Stop()
		select {
		case <-exited:
		case <-timer.C:
			c.log.Warn("Switchyard's helper in the target did not end by itself, and may have left sockets there")
		}
		c.process.End()
		<-exited
		c.words.wait()
	})
}

func (c *client) open() (all []*listener) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for l := range c.listeners {
		all = append(all, l)
	}
	return all
}

// lastWords is what the broker said on its standard error, for a message.
func (c *client) lastWords() string {
	c.conn.Close()
	c.process.End()
	if said := c.words.wait(); said != "" {
		return ": " + said
	}
	return ""
}

// errno is an error of the broker's: the system's, if it can be one.
func errno(n int) error {
	const most = 4095 // MAX_ERRNO
	switch {
	case n == 0:
		return nil
	case n < 0 || n > most:
		return unix.EIO
	}
	return unix.Errno(n)
}
