// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"

	"golang.org/x/sys/unix"

	"switchyard/runner/child"
	"switchyard/runner/tty"
	"switchyard/sshd"
)

// openTerminal makes a pseudo-terminal, pty(7), that belongs to the account and is set up as asked for.
func openTerminal(p *sshd.Pty, a sshd.Account) (*child.Stdio, error) {
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a terminal: /dev/ptmx: %w", err)
	}
	slave, err := openSlave(master, a)
	if err != nil {
		unix.Close(master)
		return nil, fmt.Errorf("opening a terminal: %w", err)
	}
	if err := setUp(master, p); err != nil {
		unix.Close(master)
		unix.Close(slave)
		return nil, err
	}
	return child.OpenTerminal(master, slave)
}

// openSlave opens the other side through the master, ioctl_tty(2), since its name below /dev/pts may mean
// another one where that is mounted twice. Its owner is the account, as programs that open it by name
// and mesg(1) need.
func openSlave(master int, a sshd.Account) (int, error) {
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return -1, fmt.Errorf("unlocking it: %w", err)
	}
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, flags)
	if errno != 0 {
		return -1, fmt.Errorf("its other side: %w", errno)
	}
	slave := int(fd)
	if isOurs(a) {
		return slave, nil
	}
	if err := unix.Fchown(slave, int(a.UID), -1); err != nil {
		unix.Close(slave)
		return -1, fmt.Errorf("giving it to %q: %w", a.Name, err)
	}
	return slave, nil
}

func setUp(master int, p *sshd.Pty) error {
	if err := tty.Apply(master, p.Modes); err != nil {
		return err
	}
	return tty.SetSize(master, p.Size)
}
