// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	gossh "golang.org/x/crypto/ssh"
)

// maxSocketPath is the longest path of a socket, in bytes: sun_path less its terminating NUL (unix(7)).
const maxSocketPath = 107

func checkSocketPath(path string) error {
	if path == "" || len(path) > maxSocketPath || strings.IndexByte(path, 0) >= 0 {
		return fmt.Errorf("%s is not the path of a socket: it has 1 to %d bytes", quote(path), maxSocketPath)
	}
	return nil
}

// openStreamLocal serves a direct-streamlocal@openssh.com channel (OpenSSH PROTOCOL section 2.4) to its end.
func (c *connection) openStreamLocal(open gossh.NewChannel, window int) {
	if why := c.mayOpenForward(); why != nil {
		c.reject(open, *why)
		return
	}
	m, err := parse[directStreamLocalMsg](open.ExtraData())
	if err != nil {
		err = errors.New("the request is malformed")
	} else {
		err = checkSocketPath(m.Path)
	}
	if err != nil {
		c.reject(open, refusal{gossh.ConnectionFailed, oneLine(err.Error())})
		return
	}
	sockets, err := c.sockets()
	if err != nil { // no path would do
		c.reject(open, refusal{gossh.ConnectionFailed, oneLine(err.Error())})
		return
	}
	conn, err := c.dialSocket(sockets, m.Path)
	if err != nil {
		c.log.WithError(err).Debugf("dialling the socket %s", quote(m.Path))
		c.reject(open, refusal{gossh.ConnectionFailed, socketReason(err)})
		return
	}
	c.serveDialled(open, conn, window)
}

func (c *connection) dialSocket(sockets Sockets, path string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.DialTimeout)
	defer cancel()
	return sockets.Dial(ctx, path)
}

// socketReason is a failed dial of a socket in the words that a person knows.
func socketReason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such socket"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	}
	return dialReason("", err)
}

// handleStreamLocalForward is streamlocal-forward@openssh.com (OpenSSH PROTOCOL section 2.4).
func (c *connection) handleStreamLocalForward(payload []byte) (answer, error) {
	m, err := parseSocketForward(payload)
	if err != nil {
		return answer{}, err
	}
	at := place{path: m.Path}
	_, begin, err := c.listen(func() (net.Listener, place, error) {
		l, err := c.listenSocket(m.Path)
		return l, at, err
	}, c.serveSocket)
	if err != nil {
		c.note(fmt.Sprintf("nothing listens on the socket %s: %s", quote(m.Path), listenReason(err)))
		return answer{}, fmt.Errorf("listening on %v: %w", at, err)
	}
	return answer{begin: begin}, nil
}

// handleCancelStreamLocalForward is cancel-streamlocal-forward@openssh.com (OpenSSH PROTOCOL section 2.4).
func (c *connection) handleCancelStreamLocalForward(payload []byte) (answer, error) {
	m, err := parseSocketForward(payload)
	if err != nil {
		return answer{}, err
	}
	return answer{}, c.cancelListen(place{path: m.Path})
}

func parseSocketForward(payload []byte) (streamLocalForwardMsg, error) {
	m, err := parse[streamLocalForwardMsg](payload)
	if err != nil {
		return m, errors.New("the request is malformed")
	}
	return m, checkSocketPath(m.Path)
}

// listenSocket makes a socket, and does with one that is in its place what the policy says.
func (c *connection) listenSocket(path string) (net.Listener, error) {
	sockets, err := c.sockets()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.DialTimeout)
	defer cancel()
	unlink := c.cfg.Forwards.Unlink
	l, err := sockets.Listen(ctx, path, unlink == UnlinkYes)
	if err != nil && isInTheWay(err) && unlink != UnlinkNo && isStale(ctx, sockets, path) {
		return sockets.Listen(ctx, path, true)
	}
	return l, err
}

// isInTheWay tells that there is something at a path: EADDRINUSE is what bind(2) says of it.
func isInTheWay(err error) bool {
	return errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.EADDRINUSE)
}

// isStale tells a socket that nobody listens on, as a server leaves behind that ended without removing it.
func isStale(ctx context.Context, sockets Sockets, path string) bool {
	conn, err := sockets.Dial(ctx, path)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// serveSocket opens a channel for each connection to a socket.
func (c *connection) serveSocket(l net.Listener, at place) {
	c.serveListener(c.ctx, l, "forwarded-streamlocal@openssh.com", func(net.Conn) []byte {
		return gossh.Marshal(forwardedStreamLocalMsg{Path: at.path})
	})
}

// listenReason is why nothing listens where it was asked for, in the words that a person knows. What
// the error says beyond that stays in the log.
func listenReason(err error) string {
	var system syscall.Errno
	switch {
	case isInTheWay(err):
		return "it is in use"
	case errors.Is(err, fs.ErrPermission) && !errors.As(err, &system):
		return err.Error() // it was refused for a reason that has words
	case errors.As(err, &system):
		return system.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	}
	return err.Error()
}
