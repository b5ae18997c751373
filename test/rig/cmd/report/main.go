// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

// Command report reads what "go test -json" prints (go doc test2json) and says
// what happened: a line per package, the output of each test that failed, and at
// the end the totals and every skipped test with its reason. It exits 1 when
// anything failed, or when nothing ran at all.
package main

import (
	"fmt"
	"os"
)

func main() {
	r := newReport(os.Stdout)
	err := r.read(os.Stdin)
	r.summary()
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
	}
	if err != nil || r.failed() {
		os.Exit(1)
	}
}
