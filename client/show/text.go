// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxText is how much of one string is shown, in bytes.
const maxText = 2000

// Text escapes what is not printable: control characters, those that turn the direction of writing,
// and what is not UTF-8. It shortens what is very long.
func Text(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if unprintable(r) {
			b.WriteString(escape(s[:n]))
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// unprintable takes the replacement character for what it mostly stands for: bytes that are no UTF-8.
func unprintable(r rune) bool { return r == utf8.RuneError || !strconv.IsPrint(r) }

func escape(s string) string {
	q := strconv.QuoteToASCII(s)
	return q[1 : len(q)-1]
}

// Line is Text in which line breaks and tabs have become spaces, for what must stay one line.
func Line(s string) string { return Text(strings.Join(strings.Fields(s), " ")) }
