// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"
)

// TestNotesHoldNothingThatATerminalObeys: "logged in as" repeats a name that the controller chose.
func TestNotesHoldNothingThatATerminalObeys(t *testing.T) {
	var out bytes.Buffer
	p := &program{err: &out}
	p.note("logged in to %s as %s, context %q", "https://host", "eve\x1b]0;title\a\nsecond\u202e", "x")
	const want = "switchyard: logged in to https://host as eve\\x1b]0;title\\a second\\u202e, context \"x\"\n"
	if got := out.String(); got != want {
		t.Errorf("the note is %q, want %q", got, want)
	}
}
