// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package tty

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"switchyard/sshd"
)

// SetSize sets the window size, which sends SIGWINCH to the foreground process group when it
// differs. A dimension beyond what the kernel holds becomes the largest one it does.
func SetSize(fd int, s sshd.WindowSize) error {
	w := unix.Winsize{
		Row: clamp(s.Rows), Col: clamp(s.Columns),
		Xpixel: clamp(s.Width), Ypixel: clamp(s.Height),
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &w); err != nil {
		return fmt.Errorf("setting the window size to %dx%d: %w", w.Col, w.Row, err)
	}
	return nil
}

func clamp(n uint32) uint16 { return uint16(min(n, math.MaxUint16)) }

// SendBreak sends a BREAK of the system's own length, as sshd does: RFC 4335 section 3 lets the length
// that the client asked for be ignored. A pseudo-terminal has no line to break, so Linux
// accepts it and does nothing more.
func SendBreak(fd int) error {
	if err := unix.IoctlSetInt(fd, unix.TCSBRK, 0); err != nil {
		return fmt.Errorf("sending a break: %w", err)
	}
	return nil
}
