// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package helper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"switchyard/runner/inside"
	"switchyard/runner/inside/broker"
	"switchyard/sshd"
)

// helloWait bounds the wait for a broker's first word.
const helloWait = 15 * time.Second

// launch starts a broker. ctx bounds the start.
func (p *Program) launch(ctx context.Context, a sshd.Account, start Start, log logrus.FieldLogger) (*client, error) {
	ours, theirs, err := pair()
	if err != nil {
		return nil, err
	}
	process, err := p.run(ctx, inside.Broker, a, start, theirs)
	theirs.Close() // the end of the stream is the end of the broker, so nobody else may hold it
	if err != nil {
		ours.Close()
		return nil, err
	}
	c := newClient(ours, process, log)
	if err := c.greet(ctx); err != nil {
		c.close()
		return nil, fmt.Errorf("starting Switchyard's helper for sockets: %w", err)
	}
	go c.read()
	return c, nil
}

// pair makes a connection, and the file of its other end.
func pair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	own, theirs := os.NewFile(uintptr(fds[0]), "broker"), os.NewFile(uintptr(fds[1]), "control")
	defer own.Close()
	conn, err := net.FileConn(own)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn.(*net.UnixConn), theirs, nil
}

// greet reads the broker's first message.
func (c *client) greet(ctx context.Context) error {
	c.conn.SetReadDeadline(time.Now().Add(helloWait))
	stop := context.AfterFunc(ctx, func() { c.conn.SetReadDeadline(past) })
	packet, fds, err := c.receive(make([]byte, broker.MaxMessage+1))
	closeAll(fds)
	if !stop() {
		return ctx.Err()
	}
	c.conn.SetReadDeadline(time.Time{})
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it ended before it was ready" + c.lastWords())
	case err != nil:
		return err
	}
	hello, err := broker.Decode[broker.Hello](packet)
	if err == nil && hello.Version != broker.Version {
		err = errors.New("it speaks version " + strconv.Itoa(hello.Version) + " of the protocol, and this runner " +
			strconv.Itoa(broker.Version) + ": let --helper name a program of the runner's own version")
	}
	return err
}

// past is a deadline that ends whatever waits.
var past = time.Unix(1, 0)
