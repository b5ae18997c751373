// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStatIsReadWhateverTheProcessCallsItself(t *testing.T) {
	const rest = " S 1 20 30 34816 40 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 256\n"
	for _, name := range []string{"sh", "a b", ") Z 9 9 9 9 9", "((", "", "x\n) S 1 1 1 1 1"} {
		got, err := parseStat([]byte("77 (" + name + ")" + rest))
		want := stat{state: 'S', group: 20, session: 30, tpgid: 40, start: 987654, flags: 4194304, exitCode: 256}
		if err != nil || got != want {
			t.Errorf("named %q: %+v, %v, need %+v", name, got, err, want)
		}
	}
}

func TestAMainThreadThatHasGoneIsNoProcessThatExits(t *testing.T) {
	for s, want := range map[stat]bool{
		{state: 'S', flags: 0x400104}: true, // waits for the others of its namespace
		{state: 'Z', flags: 0x400104}: false,
		{state: 'S', flags: 0x400100}: false,
	} {
		if got := s.exiting(); got != want {
			t.Errorf("%+v: %v", s, got)
		}
	}
}

func TestStatThatIsCutOffIsAnError(t *testing.T) {
	for _, s := range []string{"", "1", "1 (sh", "1 (sh)", "1 (sh) S 1 2 3", "1 (sh) S 1 a b 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"} {
		if got, err := parseStat([]byte(s)); err == nil {
			t.Errorf("%q was read as %+v", s, got)
		}
	}
}

func TestOwnStatIsRead(t *testing.T) {
	s, err := readStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	// The leader of our session may be outside our PID namespace: both then say 0.
	if sid, err := unix.Getsid(0); err != nil || s.start == 0 || s.session != sid || s.dead() {
		t.Errorf("our own stat is %+v, our session %d, %v", s, sid, err)
	}
}

func TestIgnoredSignalsAreRead(t *testing.T) {
	for status, want := range map[string]uint64{
		"Name:\tsh\nSigBlk:\t0000000000000003\nSigIgn:\t0000000000000001\nSigCgt:\t00\n": 1,
		"SigIgn:\tffffffffffffffff\n": 1<<64 - 1,
		"SigIgn:\tx\n":                0,
		"":                            0,
	} {
		if got := parseIgnored([]byte(status)); got != want {
			t.Errorf("%q: %x, need %x", status, got, want)
		}
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func FuzzStat(f *testing.F) {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("1 (a) b) S 1 2 3 4 5"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseStat(b)
		if err == nil && !strings.ContainsRune(string(b), ')') {
			t.Errorf("%q was read as %+v", b, s)
		}
	})
}
