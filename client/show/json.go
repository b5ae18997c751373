// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package show

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// JSON prints v indented. Characters that a terminal could take for an order are escaped, as JSON
// allows of any character (RFC 8259 section 7).
func JSON(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the output: %v", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", escapeJSON(b))
	return err
}

// escapeJSON finds such characters in strings only: JSON has nothing but ASCII outside them, and
// json.Marshal escapes those below the space and writes no bytes that are not UTF-8.
func escapeJSON(b []byte) []byte {
	var out bytes.Buffer
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r != '\n' && unprintable(r) {
			writeEscape(&out, r)
		} else {
			out.Write(b[:n])
		}
		b = b[n:]
	}
	return out.Bytes()
}

func writeEscape(out *bytes.Buffer, r rune) {
	if r < 0x10000 {
		fmt.Fprintf(out, `\u%04x`, r)
		return
	}
	r -= 0x10000
	fmt.Fprintf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
}

// List is JSON of a list, which is [] when there is nothing in it.
func List[T any](w io.Writer, items []T) error {
	if items == nil {
		items = []T{}
	}
	return JSON(w, items)
}
