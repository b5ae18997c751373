// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package openssh

import (
	"fmt"
	"strings"
)

// diffContext is how many unchanged lines a diff has on each side, as those of diff -u.
const diffContext = 3

// Diff returns what tells the config to from c, as patch(1) takes it: one hunk, since one place is all that
// a change of ours concerns. It is empty when nothing does.
func (c Config) Diff(to Config) string {
	head := common(c.lines, to.lines, func(lines []string, i int) string { return lines[i] })
	if head == len(c.lines) && head == len(to.lines) {
		return ""
	}
	tail := common(c.lines[head:], to.lines[head:], func(lines []string, i int) string { return lines[len(lines)-1-i] })
	from, a, b := max(0, head-diffContext), len(c.lines)-tail, len(to.lines)-tail
	after := min(diffContext, tail)

	var d strings.Builder
	fmt.Fprintf(&d, "--- %s\n+++ %s\n@@ -%s +%s @@\n", c.name, c.name, span(from, a+after), span(from, b+after))
	write := func(mark string, lines []string) {
		for _, l := range lines {
			d.WriteString(mark + l)
			if !strings.HasSuffix(l, "\n") {
				d.WriteString("\n\\ No newline at end of file\n")
			}
		}
	}
	write(" ", c.lines[from:head])
	write("-", c.lines[head:a])
	write("+", to.lines[head:b])
	write(" ", c.lines[a:a+after])
	return d.String()
}

// common counts the lines that a and b have in common from one of their ends on.
func common(a, b []string, at func([]string, int) string) int {
	n := 0
	for n < len(a) && n < len(b) && at(a, n) == at(b, n) {
		n++
	}
	return n
}

// span is the range of lines of a hunk; one without lines names the line before it.
func span(from, to int) string {
	if from == to {
		return fmt.Sprintf("%d,0", from)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}
