// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/runner/tty"
	"switchyard/sshd"
)

// masterWait bounds the wait for a terminal once the runtime has said that the process runs: it is sent before
// that.
const masterWait = 5 * time.Second

// console is the socket on which the runtime sends a terminal's master (runc's documentation, terminals, "detached
// new terminal").
type console struct{ listener *net.UnixListener }

func listenConsole(path string) (*console, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("making the socket for a terminal: %v", err)
	}
	return &console{listener}, nil
}

func (c *console) close() { c.listener.Close() }

// receive takes the master that was sent.
func (c *console) receive() (master int, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("receiving the terminal: %v", err)
		}
	}()
	_ = c.listener.SetDeadline(time.Now().Add(masterWait))
	conn, err := c.listener.AcceptUnix()
	if err != nil {
		return -1, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(masterWait))
	// The sender gives the terminal's name as well.
	name, control := make([]byte, 4096), make([]byte, unix.CmsgSpace(16*4))
	_, n, _, _, err := conn.ReadMsgUnix(name, control)
	if err != nil {
		return -1, err
	}
	return onlyMaster(control[:n])
}

// onlyMaster takes the one descriptor out of a control message. It comes out of the container, where the
// runtime opened it, and so may be anything.
func onlyMaster(control []byte) (int, error) {
	fds, err := descriptors(control)
	if err != nil {
		return -1, err
	}
	if len(fds) == 1 && isMaster(fds[0]) {
		return fds[0], nil
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	return -1, errors.New("what came is no terminal's master")
}

func descriptors(control []byte) (fds []int, err error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, os.NewSyscallError("recvmsg", err)
	}
	for _, m := range messages {
		if some, err := unix.ParseUnixRights(&m); err == nil {
			fds = append(fds, some...)
		}
	}
	return fds, nil
}

func isMaster(fd int) bool {
	_, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	return err == nil
}

// setUp sets a terminal up. What of it a terminal does not take, it works without, as with sshd.
func (r *Runtime) setUp(master int, pty *sshd.Pty) {
	if err := tty.Apply(master, pty.Modes); err != nil {
		r.cfg.Log.WithError(err).Debug("applying terminal modes")
	}
	if err := tty.SetSize(master, pty.Size); err != nil {
		r.cfg.Log.WithError(err).Debug("setting a terminal's size")
	}
}
