// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package tty

import (
	"os"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"switchyard/sshd"
)

// open returns both sides of a new pseudo-terminal.
func open(t *testing.T) (master, slave int) {
	t.Helper()
	m, s, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(); s.Close() })
	return int(m.Fd()), int(s.Fd())
}

func termios(t *testing.T, fd int) *unix.Termios {
	t.Helper()
	got, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func mode(opcode uint8, value uint32) sshd.TerminalMode {
	return sshd.TerminalMode{Opcode: opcode, Value: value}
}

func apply(t *testing.T, fd int, modes ...sshd.TerminalMode) {
	t.Helper()
	if err := Apply(fd, modes); err != nil {
		t.Fatal(err)
	}
}

// The numbers are those of RFC 4254 section 8 and RFC 8160, written out a second time on purpose.
func TestEveryFlagIsSetAndClearedThroughTheMaster(t *testing.T) {
	type field func(*unix.Termios) uint32
	iflag := func(t *unix.Termios) uint32 { return t.Iflag }
	oflag := func(t *unix.Termios) uint32 { return t.Oflag }
	lflag := func(t *unix.Termios) uint32 { return t.Lflag }
	cflag := func(t *unix.Termios) uint32 { return t.Cflag }
	for _, c := range []struct {
		name   string
		opcode uint8
		field  field
		flag   uint32
	}{
		{"IGNPAR", 30, iflag, unix.IGNPAR}, {"PARMRK", 31, iflag, unix.PARMRK}, {"INPCK", 32, iflag, unix.INPCK},
		{"ISTRIP", 33, iflag, unix.ISTRIP}, {"INLCR", 34, iflag, unix.INLCR}, {"IGNCR", 35, iflag, unix.IGNCR},
		{"ICRNL", 36, iflag, unix.ICRNL}, {"IUCLC", 37, iflag, unix.IUCLC}, {"IXON", 38, iflag, unix.IXON},
		{"IXANY", 39, iflag, unix.IXANY}, {"IXOFF", 40, iflag, unix.IXOFF}, {"IMAXBEL", 41, iflag, unix.IMAXBEL},
		{"IUTF8", 42, iflag, unix.IUTF8}, {"ISIG", 50, lflag, unix.ISIG}, {"ICANON", 51, lflag, unix.ICANON},
		{"XCASE", 52, lflag, unix.XCASE}, {"ECHO", 53, lflag, unix.ECHO}, {"ECHOE", 54, lflag, unix.ECHOE},
		{"ECHOK", 55, lflag, unix.ECHOK}, {"ECHONL", 56, lflag, unix.ECHONL}, {"NOFLSH", 57, lflag, unix.NOFLSH},
		{"TOSTOP", 58, lflag, unix.TOSTOP}, {"IEXTEN", 59, lflag, unix.IEXTEN}, {"ECHOCTL", 60, lflag, unix.ECHOCTL},
		{"ECHOKE", 61, lflag, unix.ECHOKE}, {"PENDIN", 62, lflag, unix.PENDIN}, {"OPOST", 70, oflag, unix.OPOST},
		{"OLCUC", 71, oflag, unix.OLCUC}, {"ONLCR", 72, oflag, unix.ONLCR}, {"OCRNL", 73, oflag, unix.OCRNL},
		{"ONOCR", 74, oflag, unix.ONOCR}, {"ONLRET", 75, oflag, unix.ONLRET}, {"PARODD", 93, cflag, unix.PARODD},
	} {
		t.Run(c.name, func(t *testing.T) {
			master, slave := open(t)
			apply(t, master, mode(c.opcode, 1))
			if c.field(termios(t, slave))&c.flag == 0 {
				t.Errorf("opcode %d with value 1 did not set %s", c.opcode, c.name)
			}
			apply(t, master, mode(c.opcode, 0))
			if c.field(termios(t, slave))&c.flag != 0 {
				t.Errorf("opcode %d with value 0 did not clear %s", c.opcode, c.name)
			}
		})
	}
}

func TestSpecialCharactersAreSetAnd255DisablesThem(t *testing.T) {
	for name, c := range map[string]struct {
		opcode uint8
		index  int
	}{
		"VINTR": {1, unix.VINTR}, "VQUIT": {2, unix.VQUIT}, "VERASE": {3, unix.VERASE}, "VKILL": {4, unix.VKILL},
		"VEOF": {5, unix.VEOF}, "VEOL": {6, unix.VEOL}, "VEOL2": {7, unix.VEOL2}, "VSTART": {8, unix.VSTART},
		"VSTOP": {9, unix.VSTOP}, "VSUSP": {10, unix.VSUSP}, "VREPRINT": {12, unix.VREPRINT},
		"VWERASE": {13, unix.VWERASE}, "VLNEXT": {14, unix.VLNEXT}, "VSWTCH": {16, unix.VSWTC}, "VDISCARD": {18, unix.VDISCARD},
	} {
		t.Run(name, func(t *testing.T) {
			master, slave := open(t)
			apply(t, master, mode(c.opcode, 'K'))
			if got := termios(t, slave).Cc[c.index]; got != 'K' {
				t.Errorf("set to %q, is %q", 'K', got)
			}
			apply(t, master, mode(c.opcode, 255))
			if got := termios(t, slave).Cc[c.index]; got != 0 {
				t.Errorf("disabled, is %d", got)
			}
		})
	}
}

func TestWhatLinuxDoesNotHaveChangesNothing(t *testing.T) {
	master, slave := open(t)
	before := *termios(t, slave)
	apply(t, master, mode(11, 3), mode(15, 3), mode(17, 3), mode(19, 1), mode(200, 1), mode(255, 1),
		mode(1, 256), mode(1, 1<<31), mode(129, 12345), mode(128, 0), mode(129, 0), mode(91, 0))
	if after := *termios(t, slave); after != before {
		t.Errorf("modes were %+v, are %+v", before, after)
	}
}

func TestSpeedsAreSetEachWay(t *testing.T) {
	master, slave := open(t)
	apply(t, master, mode(128, 9600), mode(129, 115200))
	got := termios(t, slave).Cflag
	if got&unix.CBAUD != unix.B115200 {
		t.Errorf("output speed bits are %#x, need %#x", got&unix.CBAUD, unix.B115200)
	}
	if got&unix.CIBAUD != unix.B9600<<unix.IBSHIFT {
		t.Errorf("input speed bits are %#x, need %#x", got&unix.CIBAUD, unix.B9600<<unix.IBSHIFT)
	}
}

func TestLaterModesWin(t *testing.T) {
	master, slave := open(t)
	apply(t, master, mode(53, 1), mode(53, 0))
	if termios(t, slave).Lflag&unix.ECHO != 0 {
		t.Error("ECHO is on, though it was turned off last")
	}
}

func TestSizeReachesTheSlaveAndIsClamped(t *testing.T) {
	master, slave := open(t)
	for want, s := range map[unix.Winsize]sshd.WindowSize{
		{Row: 24, Col: 80, Xpixel: 640, Ypixel: 480}: {Columns: 80, Rows: 24, Width: 640, Height: 480},
		{Row: 65535, Col: 65535}:                     {Columns: 1 << 20, Rows: 1<<32 - 1},
		{}:                                           {},
	} {
		if err := SetSize(master, s); err != nil {
			t.Fatal(err)
		}
		got, err := unix.IoctlGetWinsize(slave, unix.TIOCGWINSZ)
		if err != nil {
			t.Fatal(err)
		}
		if *got != want {
			t.Errorf("%+v became %+v, need %+v", s, *got, want)
		}
	}
}

func TestBreakIsAcceptedByATerminalAndRefusedElsewhere(t *testing.T) {
	master, _ := open(t)
	if err := SendBreak(master); err != nil {
		t.Error(err)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd := int(f.Fd())
	for name, err := range map[string]error{
		"SendBreak": SendBreak(fd),
		"SetSize":   SetSize(fd, sshd.WindowSize{Columns: 1}),
		"Apply":     Apply(fd, []sshd.TerminalMode{mode(53, 1)}),
	} {
		if err == nil {
			t.Errorf("%s on what is no terminal gave no error", name)
		}
	}
}
