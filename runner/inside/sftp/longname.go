// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sftp

import (
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// lister makes the line of an entry, in the form of "ls -l" (draft section 7, SSH_FXP_NAME), which clients show as it is.
type lister struct {
	who *accounts
	now time.Time
}

func newLister() *lister { return &lister{who: readAccounts(), now: time.Now()} }

func (l *lister) line(name string, st *unix.Stat_t) string {
	return fmt.Sprintf("%s %4d %-8s %-8s %8d %s %s", modeText(st.Mode), st.Nlink,
		l.who.user(st.Uid), l.who.group(st.Gid), st.Size, l.date(st.Mtim.Sec), name)
}

// halfYear is the age from which the year is told instead of the time, as by ls(1).
const halfYear = 365 * 24 * time.Hour / 2

func (l *lister) date(seconds int64) string {
	t := time.Unix(seconds, 0)
	if age := l.now.Sub(t); age > halfYear || age < 0 {
		return t.Format("Jan _2  2006")
	}
	return t.Format("Jan _2 15:04")
}

var typeLetters = map[uint32]byte{
	unix.S_IFREG: '-', unix.S_IFDIR: 'd', unix.S_IFLNK: 'l', unix.S_IFIFO: 'p', unix.S_IFSOCK: 's',
	unix.S_IFCHR: 'c', unix.S_IFBLK: 'b',
}

// modeText is a mode as ls(1) writes it.
func modeText(mode uint32) string {
	b := []byte("?rwxrwxrwx")
	if letter, ok := typeLetters[mode&unix.S_IFMT]; ok {
		b[0] = letter
	}
	for i := range 9 {
		if mode&(1<<(8-i)) == 0 {
			b[1+i] = '-'
		}
	}
	special(b, 3, mode&unix.S_ISUID != 0, 's')
	special(b, 6, mode&unix.S_ISGID != 0, 's')
	special(b, 9, mode&unix.S_ISVTX != 0, 't')
	return string(b)
}

// special writes a bit over the place of an execute bit, as a capital where that is not set.
func special(b []byte, at int, set bool, letter byte) {
	switch {
	case set && b[at] == 'x':
		b[at] = letter
	case set:
		b[at] = letter - 'a' + 'A'
	}
}

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
