// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package tty

import (
	"fmt"

	"golang.org/x/sys/unix"

	"switchyard/sshd"
)

// disabled is how RFC 4254 section 8 says that a special character is not to be used, and disabledCC
// how Linux does (_POSIX_VDISABLE).
const (
	disabled   = 255
	disabledCC = 0
)

// Opcodes that are neither a character nor a flag.
const (
	opISpeed = 128
	opOSpeed = 129
)

// characters maps opcodes 1 to 18 to indexes of c_cc. VDSUSP (11), VFLUSH (15) and VSTATUS (17) do not
// exist on Linux.
var characters = map[uint8]int{
	1: unix.VINTR, 2: unix.VQUIT, 3: unix.VERASE, 4: unix.VKILL, 5: unix.VEOF, 6: unix.VEOL,
	7: unix.VEOL2, 8: unix.VSTART, 9: unix.VSTOP, 10: unix.VSUSP, 12: unix.VREPRINT,
	13: unix.VWERASE, 14: unix.VLNEXT, 16: unix.VSWTC, 18: unix.VDISCARD,
}

var inputFlags = map[uint8]uint32{
	30: unix.IGNPAR, 31: unix.PARMRK, 32: unix.INPCK, 33: unix.ISTRIP, 34: unix.INLCR,
	35: unix.IGNCR, 36: unix.ICRNL, 37: unix.IUCLC, 38: unix.IXON, 39: unix.IXANY,
	40: unix.IXOFF, 41: unix.IMAXBEL, 42: unix.IUTF8,
}

var localFlags = map[uint8]uint32{
	50: unix.ISIG, 51: unix.ICANON, 52: unix.XCASE, 53: unix.ECHO, 54: unix.ECHOE,
	55: unix.ECHOK, 56: unix.ECHONL, 57: unix.NOFLSH, 58: unix.TOSTOP, 59: unix.IEXTEN,
	60: unix.ECHOCTL, 61: unix.ECHOKE, 62: unix.PENDIN,
}

var outputFlags = map[uint8]uint32{
	70: unix.OPOST, 71: unix.OLCUC, 72: unix.ONLCR, 73: unix.OCRNL, 74: unix.ONOCR, 75: unix.ONLRET,
}

var controlFlags = map[uint8]uint32{92: unix.PARENB, 93: unix.PARODD}

// sizes are the two opcodes that are values of one field, c_cflag's CSIZE, rather than flags.
var sizes = map[uint8]uint32{90: unix.CS7, 91: unix.CS8}

// Apply sets the terminal modes in the order they were sent. What the modes do not name stays as it
// is; what Linux does not have, and values that it cannot hold, are passed over, as RFC 4254 section 8
// asks. It fails only when fd is no terminal.
func Apply(fd int, modes []sshd.TerminalMode) error {
	if len(modes) == 0 {
		return nil
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return fmt.Errorf("reading the terminal's modes: %w", err)
	}
	for _, m := range modes {
		set(t, m)
	}
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return fmt.Errorf("setting the terminal's modes: %w", err)
	}
	return nil
}

func set(t *unix.Termios, m sshd.TerminalMode) {
	if i, ok := characters[m.Opcode]; ok {
		setCharacter(t, i, m.Value)
		return
	}
	setFlag(&t.Iflag, inputFlags[m.Opcode], m.Value)
	setFlag(&t.Lflag, localFlags[m.Opcode], m.Value)
	setFlag(&t.Oflag, outputFlags[m.Opcode], m.Value)
	setFlag(&t.Cflag, controlFlags[m.Opcode], m.Value)
	setSize(t, m)
	setSpeed(t, m)
}

func setCharacter(t *unix.Termios, index int, value uint32) {
	switch {
	case value == disabled:
		t.Cc[index] = disabledCC
	case value < disabled:
		t.Cc[index] = uint8(value)
	}
}

// setFlag changes the bits of flag, none when the opcode was not in the field's table.
func setFlag(field *uint32, flag, value uint32) {
	if value != 0 {
		*field |= flag
	} else {
		*field &^= flag
	}
}

// setSize chooses a character size. A value of 0 only says that this is not the one.
func setSize(t *unix.Termios, m sshd.TerminalMode) {
	if bits, ok := sizes[m.Opcode]; ok && m.Value != 0 {
		t.Cflag = t.Cflag&^unix.CSIZE | bits
	}
}
