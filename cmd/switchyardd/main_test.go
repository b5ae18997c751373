// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

// TestErrorIsOneLineThatATerminalDoesNotObey: what a controller answers to a runner's report ends up in it.
func TestErrorIsOneLineThatATerminalDoesNotObey(t *testing.T) {
	const in = " registering: \x1b]0;title\a\nand\r\n\u202emore\xff "
	const want = "registering: \\x1b]0;title\\a; and; \\u202emore\\xff"
	if got := oneLine(in); got != want {
		t.Errorf("%q becomes %q, want %q", in, got, want)
	}
}
